"""What the operating system gives, and what this one lacks: sockets, io_uring, /proc, clocks and limits.

What asks the kernel is here. Nothing here knows of a server, and nothing is imported from the other rooms.
"""
