"""Protocols that every server can carry: an object for each client, which is fed bytes and gives replies."""
