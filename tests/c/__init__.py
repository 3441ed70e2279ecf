"""A server and a client in C, for comparison."""
