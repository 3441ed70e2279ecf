"""How a client's socket is closed: in good order, or by a reset if the client has stalled.

What was sent and not read stays in the kernel after close(2), megabytes for a client: the socket is an *orphan*, and
the kernel goes on asking whether its peer takes some more, for minutes (tcp(7): tcp_max_orphans, tcp_orphan_retries).
A reset frees all of it at once, and the client is told.
"""

import socket

from iomux.servers.protocol.conversation import Conversation
from iomux.system.sockets import reset


def part(sock: socket.socket, talk: Conversation) -> None:
    """Close the socket of a client whose conversation is over."""
    reset(sock) if talk.stalled else sock.close()
