"""What the clients of one item have done so far: a line for each connect, send, read, shutdown, close and reset.

An item's process has one recording. It holds the last few hundred steps, and of a long message only its beginning:
enough to tell a student what was done, and to try a shorter conversation. A step costs about a microsecond.
"""

import contextlib
import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Act = Literal["connect", "send", "urgent", "read", "shutdown", "close", "reset"]
MOST_KEPT = 128 * 1024
"""How many bytes of a message are kept."""
MOST_STEPS = 5000
_MOST_IN_ALL = 1 << 20


@dataclass(frozen=True)
class Step:
    """One thing that one client did."""

    client: int
    """The client's number, from 1, in the order in which they connected."""
    act: Act
    size: int = 0
    """How many bytes it sent or read."""
    data: bytes = b""
    """The bytes that it sent, or the beginning of them."""


class Recording:
    """The steps of all clients, in their order."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque(maxlen=MOST_STEPS)
        self._clients, self._kept, self._paused = 0, 0, False

    def client(self, connected: socket.socket) -> socket.socket:
        """The same connection as a socket whose calls are recorded."""
        if self._paused:
            return connected
        self._clients += 1
        timeout = connected.gettimeout()
        client = _Recorded(fileno=connected.detach())
        client.settimeout(timeout)
        client.number, client.recording = self._clients, self
        self.add(Step(self._clients, "connect"))
        return client

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Record no client that connects meanwhile: one that looks for a cause is not a part of what has failed."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def add(self, step: Step) -> None:
        """Add one step; its bytes are kept while there is room for them."""
        self._kept += len(step.data)
        kept = step if self._kept <= _MOST_IN_ALL else Step(step.client, step.act, step.size)
        self._steps.append(kept)  # atomic: a thread may send while another one reads

    def steps(self) -> tuple[Step, ...]:
        """All steps so far."""
        return tuple(self._steps)


class _Recorded(socket.socket):
    """A socket that records its calls; it has to be a `socket`, for `select` and for all that takes one."""

    number = 0
    recording: Recording | None = None

    def _add(self, act: Act, size: int = 0, data: Any = b"") -> None:
        if self.recording is not None:
            self.recording.add(Step(self.number, act, size, bytes(memoryview(data)[: min(size, MOST_KEPT)])))

    def send(self, data: Any, flags: int = 0, /) -> int:
        sent = super().send(data, flags)
        self._add("urgent" if flags & socket.MSG_OOB else "send", sent, data)
        return sent

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        self._add("urgent" if flags & socket.MSG_OOB else "send", len(memoryview(data)), data)
        super().sendall(data, flags)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        self._add("read")  # before the call: an answer that never comes was waited for, too
        return super().recv(size, flags)

    def recvmsg(self, *arguments: int) -> Any:
        self._add("read")
        return super().recvmsg(*arguments)

    def shutdown(self, how: int, /) -> None:
        self._add("shutdown")
        super().shutdown(how)

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:  # the item has failed already: this close is ours, not the conversation's
            self.recording = None
        self.close()

    def close(self) -> None:
        if self.fileno() >= 0:
            lingers = self.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER)
            self._add("reset" if lingers else "close")
        super().close()


RECORDING = Recording()
"""The recording of this process, in which the clients of one item run."""
