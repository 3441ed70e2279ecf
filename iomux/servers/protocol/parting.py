"""How a client's socket is closed: in good order, or by a reset if the client has stalled.

What was sent and not read stays in the kernel after close(2), megabytes for a client: the socket is an *orphan*, and
the kernel goes on asking whether its peer takes some more, for minutes (tcp(7): tcp_max_orphans, tcp_orphan_retries).
A reset frees all of it at once, and the client is told. Cost: one more system call for a client that stalls.
"""

import socket
import struct

from iomux.servers.protocol.conversation import Conversation

_NO_LINGER = struct.pack("ii", 1, 0)  # on, for 0 seconds: closing is a reset (socket(7), SO_LINGER)


def part(sock: socket.socket, talk: Conversation) -> None:
    """Close the socket of a client whose conversation is over."""
    if talk.stalled:
        reset_at_close(sock)
    sock.close()


def reset_at_close(sock: socket.socket) -> None:
    """Let closing this socket be a reset, whoever closes it."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
