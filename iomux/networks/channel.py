"""Talk to a process of the network: one question, one answer, and descriptors that travel with it.

A UNIX socket of the type SOCK_SEQPACKET keeps messages apart, and SCM_RIGHTS hands an open file, a socket or a
namespace over to another process (unix(7)). Cost: some 50 µs a question, most of it two wake-ups.
"""

import array
import os
import pickle
import socket
from collections.abc import Sequence
from errno import EMFILE
from typing import Any

_MOST_BYTES = 1 << 18
_MOST_DESCRIPTORS = 8


def tell(line: socket.socket, value: Any, descriptors: Sequence[int] = ()) -> None:
    """Send one message."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    line.sendmsg([pickle.dumps(value)], rights)


def hear(line: socket.socket) -> tuple[Any, list[int]]:
    """Wait for one message, and what descriptors came with it.

    Raises EOFError if the other end is gone, and OSError (EMFILE) if this process has no room for those descriptors.
    """
    room = socket.CMSG_SPACE(_MOST_DESCRIPTORS * array.array("i").itemsize)
    try:
        data, ancillary, flags, _ = line.recvmsg(_MOST_BYTES, room, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        data, ancillary, flags = b"", [], 0
    descriptors = _descriptors(ancillary)
    if flags & socket.MSG_CTRUNC:
        for descriptor in descriptors:
            os.close(descriptor)
        raise OSError(EMFILE, os.strerror(EMFILE))
    if not data:
        raise EOFError
    return pickle.loads(data), descriptors


def _descriptors(ancillary: Sequence[tuple[int, int, bytes]]) -> list[int]:
    descriptors = array.array("i")
    for level, kind, numbers in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(numbers[: len(numbers) - len(numbers) % descriptors.itemsize])
    return list(descriptors)
