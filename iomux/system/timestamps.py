"""The kernel's receive timestamps: switch them on, and read them from ancillary data (SO_TIMESTAMPNS, socket(7))."""

import socket
import struct

from iomux.system.features import SO_TIMESTAMPNS, available

ANCILLARY_BYTES = 64
"""Room for one timestamp: a header of 16 bytes and a struct timespec of 16 (cmsg(3))."""

_TIMESPEC = struct.Struct("@ll")


def ask_for_stamps(sock: socket.socket) -> None:
    """Make the kernel return a receive timestamp with each `recvmsg`, where it has them."""
    if available("timestamps"):
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


def stamp_in(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The receive timestamp in nanoseconds; 0 if there is none (a struct timespec, socket(7))."""
    if not ancillary:
        return 0
    seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
    return int(seconds * 1_000_000_000 + nanoseconds)
