"""Right: it asks the kernel for a receive buffer of 16 KiB, so a message of 96 KiB never waits there in one piece."""

import socket

from common import one_loop


def serve(listener):
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    one_loop(listener)
