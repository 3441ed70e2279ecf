"""Have a short conversation with a server, and say where it went wrong.

The clients are nonblocking sockets in this process. One reads only where its conversation says so: meanwhile what it is
owed stays in the kernel's buffers, and the server's sends fall short.
"""

import contextlib
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from iomux.conformance.evidence.conversation import Conversation, Line
from iomux.conformance.evidence.rest import Look, look
from iomux.conformance.trial.subject import Subject
from iomux.conformance.trial.window import first_difference
from iomux.system.sockets import reset

PAUSE_SECONDS = 0.05
"""How long a "pause" is: a server that is not held up has read what came before."""
_TICK_SECONDS = 0.1
_STALLED_SECONDS = 0.2
_READ_BYTES = 1 << 18
_CLOSED, _RESET = "the connection was closed", "the connection was reset"
_URGENT = b"!"


@dataclass(frozen=True)
class Failure:
    """Where a conversation went wrong, and how."""

    line: int
    """The number of the line that was not fulfilled, from 0."""
    due: bytes
    came: bytes
    how: str
    """Why nothing more came; empty if wrong bytes did."""


class _Client:
    def __init__(self, address: tuple[str, int]) -> None:
        self.sock = socket.create_connection(address, timeout=2)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.pending, self.then_shut_down = memoryview(b""), False
        self.owed, self.came = bytearray(), bytearray()
        self.how, self.urgent = "", False

    def write(self) -> None:
        """Send what can be sent."""
        try:
            self.pending = self.pending[self.sock.send(self.pending) :]
        except BlockingIOError:
            return
        except ConnectionError:
            self.pending = memoryview(b"")
        if not self.pending and self.then_shut_down:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)

    def read(self) -> None:
        """Receive what has come."""
        try:
            piece = self.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except ConnectionError:
            self.how = _RESET
            return
        if not piece:
            self.how = _CLOSED
        self.came += piece
        if self.urgent and not self.owed.startswith(self.came):  # read in line (SO_OOBINLINE), which is allowed
            self.came = self.came.replace(_URGENT, b"", 1)

    def move(self, until: Callable[[], bool], quiet: Callable[[float], bool], reads: bool = True) -> None:
        """Send and receive until something is true, or `quiet` says so of the seconds since anything moved."""
        moved = time.monotonic()
        while not until():
            wanted = (select.POLLIN if reads and not self.how else 0) | (select.POLLOUT if self.pending else 0)
            if not wanted:
                return
            poller = select.poll()
            poller.register(self.sock, wanted)
            events = poller.poll(_TICK_SECONDS * 1000)
            if not events and quiet(time.monotonic() - moved):
                return
            for _, event in events:
                moved = time.monotonic()
                if event & (select.POLLOUT | select.POLLERR) and self.pending:
                    self.write()
                if reads and event & (select.POLLIN | select.POLLHUP | select.POLLERR):
                    self.read()

    def wrong(self) -> bool:
        """Whether more came than is due, or something else."""
        last = max(0, len(self.came) - _READ_BYTES)
        return not self.owed.startswith(bytes(self.came[last:]), last)


def replay(
    conversation: Conversation,
    subject: Subject,
    patience: float,
    hurry: bool = True,
    at_the_end: Callable[[], None] = lambda: None,
) -> Failure | None:
    """Have the conversation; return where it failed, or None.

    patience: seconds in which nothing moves until that counts as failed. hurry: it counts already when the server is
    asleep and has not run for two looks: only a timer of its own could still make it answer. at_the_end: called before
    the clients are closed.
    """
    clients: dict[int, _Client] = {}
    try:
        for number, line in enumerate(conversation):
            if failed := _act(line, clients, subject, _Quiet(subject, patience, hurry)):
                due, came, how = failed
                return Failure(number, due, came, how)
    finally:
        at_the_end()
        for client in clients.values():
            client.sock.close()
    return None


class _Quiet:
    """Called when nothing has moved for some seconds: whether to give up."""

    def __init__(self, subject: Subject, patience: float, hurry: bool) -> None:
        self._subject, self._patience, self._hurry = subject, patience, hurry
        self._last: Look | None = None

    def __call__(self, seconds: float) -> bool:
        before, self._last = self._last, look(self._subject) if self._hurry else None
        return seconds > self._patience or (self._last is not None and self._last == before)


def _act(line: Line, clients: dict[int, _Client], subject: Subject, quiet: _Quiet) -> tuple[bytes, bytes, str] | None:
    """Do one line. Returns what was due, what came and why not more, if it failed."""
    if line.do == "connect":
        try:
            clients[line.client] = _Client(subject.address)
        except OSError as error:
            return b"", b"", (error.strerror or "nothing answers").lower()
        return None
    if line.do == "pause":
        time.sleep(PAUSE_SECONDS)
        return None
    client = clients[line.client]
    if line.do in ("expect", "end", "no more"):
        return _read(line.do, client, quiet)
    _write(line, client, quiet)
    return None


def _write(line: Line, client: _Client, quiet: _Quiet) -> None:
    if line.do == "send":
        client.owed += line.data
        client.pending = memoryview(bytes(client.pending) + line.data)
        client.move(lambda: not client.pending, lambda seconds: seconds > _STALLED_SECONDS, reads=False)
    elif line.do == "urgent":
        client.urgent = True
        with contextlib.suppress(OSError):
            client.sock.send(_URGENT, socket.MSG_OOB)
    elif line.do == "shutdown":
        client.then_shut_down = True
        if not client.pending:
            client.write()
    elif line.do == "close":
        client.sock.close()
    elif line.do == "reset":
        reset(client.sock)


def _read(do: str, client: _Client, quiet: _Quiet) -> tuple[bytes, bytes, str] | None:
    if do == "expect":
        client.move(lambda: len(client.came) >= len(client.owed) or client.wrong(), quiet)
    elif do == "end":
        client.move(lambda: bool(client.how) or client.wrong(), quiet)
    else:
        until = time.monotonic() + _TICK_SECONDS
        client.move(lambda: client.wrong() or time.monotonic() > until, lambda _: True)
    due, came = bytes(client.owed), bytes(client.came)
    if due == came and (do != "end" or client.how == _CLOSED):
        if do == "expect":
            client.owed, client.came = bytearray(), bytearray()
        return None
    if first_difference(due, came) < len(came):
        return due, came, ""
    return due, came, client.how or ("the end never came" if due == came else "nothing more came")
