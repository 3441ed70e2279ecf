"""Talk to a process of the network: one question, one answer, and descriptors that travel with it.

A UNIX socket of the type SOCK_SEQPACKET keeps messages apart, and SCM_RIGHTS hands an open file, a socket or a
namespace over to another process (unix(7)). Cost: some 50 µs a question, most of it two wake-ups.
"""

import array
import pickle
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

_MOST_BYTES = 1 << 18
_MOST_DESCRIPTORS = 8
SECONDS = 20.0
"""How long an answer may take, on a machine that is very busy."""


def tell(line: socket.socket, value: Any, descriptors: Sequence[int] = ()) -> None:
    """Send one message."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    line.sendmsg([pickle.dumps(value)], rights)


def hear(line: socket.socket) -> tuple[Any, list[int]]:
    """Wait for one message, and what descriptors came with it. Raises EOFError if the other end is gone."""
    room = socket.CMSG_SPACE(_MOST_DESCRIPTORS * array.array("i").itemsize)
    try:
        data, ancillary, _, _ = line.recvmsg(_MOST_BYTES, room, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        data, ancillary = b"", []
    descriptors = array.array("i")
    for level, kind, numbers in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(numbers[: len(numbers) - len(numbers) % descriptors.itemsize])
    if not data:
        raise EOFError
    return pickle.loads(data), list(descriptors)


class Line:
    """The owner's end: it asks, from any thread, and waits for the answer."""

    def __init__(self, why_ended: Callable[[], str]) -> None:
        self._ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.settimeout(SECONDS)
        self._lock = threading.Lock()
        self._why_ended = why_ended

    def ask(self, *question: Any) -> tuple[Any, list[int]]:
        """Send a question and wait for the answer. Raises what the other end has raised, RuntimeError if it is gone."""
        if self._ours.fileno() < 0:
            raise RuntimeError(self._why_ended())
        try:
            with self._lock:
                tell(self._ours, question)
                return self.answer()
        except (EOFError, BrokenPipeError, TimeoutError):
            self._ours.close()  # an answer that comes later would be taken for the next one
            raise RuntimeError(self._why_ended()) from None

    def answer(self) -> tuple[Any, list[int]]:
        """Wait for one answer. Raises it, if it is an exception, and EOFError if the other end is gone."""
        answer, descriptors = hear(self._ours)
        if isinstance(answer, Exception):
            raise answer
        return answer, descriptors

    def close(self) -> None:
        """Close both ends."""
        self._ours.close()
        self.theirs.close()
