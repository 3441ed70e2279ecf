"""Access to the operating system: sockets, io_uring, /proc, clocks and limits, and what this system lacks of them.

Code that queries the kernel is here. It knows nothing about servers and imports nothing from the other rooms.
"""
