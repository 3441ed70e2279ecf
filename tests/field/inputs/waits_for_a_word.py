"""Right: the kernel hands over no client before it has sent something (TCP_DEFER_ACCEPT), as web servers have it."""

import socket

from common import one_loop


def serve(listener):
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
    one_loop(listener)
