"""A server and a client in C, to compare with."""
