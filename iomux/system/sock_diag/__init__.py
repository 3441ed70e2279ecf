"""What the kernel tells of TCP sockets, whoever has them (sock_diag(7)): one connection's other end, or all at a port.

Cost: this file imports nothing.
"""
