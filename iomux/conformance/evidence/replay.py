"""Have a short conversation with a server, and say where it went wrong.

The clients are nonblocking sockets in this process. One reads only where its conversation says so: meanwhile what it is
owed stays in the kernel's buffers, and the server's sends fall short.
"""

import contextlib
import math
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from iomux.conformance.evidence.client import CLOSED, TICK_SECONDS, URGENT, Client
from iomux.conformance.evidence.conversation import Conversation, Line
from iomux.conformance.evidence.rest import Look, look, wait_for_rest
from iomux.conformance.trial.subject import Subject
from iomux.conformance.trial.window import first_difference
from iomux.system.sockets import reset

_STALLED_SECONDS = 0.2


@dataclass(frozen=True)
class Failure:
    """Where a conversation went wrong, and how."""

    line: int
    """The number of the line that was not fulfilled, from 0."""
    due: bytes
    came: bytes
    how: str
    """Why nothing more came; empty if wrong bytes did."""


def replay(
    conversation: Conversation,
    subject: Subject,
    patience: float,
    hurry: bool = True,
    over: float = math.inf,
    at_the_end: Callable[[], None] = lambda: None,
) -> Failure | None:
    """Have the conversation; return where it failed, or None.

    patience: seconds in which nothing moves until that counts as failed. hurry: it counts already when the server is
    asleep and has not run for two looks: only a timer of its own could still make it answer. over: when there is no
    time left for it, on the monotonic clock: then it raises TimeoutError. at_the_end: called before the clients are
    closed.
    """
    clients: dict[int, Client] = {}
    try:
        for number, line in enumerate(conversation):
            if failed := _act(line, clients, subject, _Quiet(subject, patience, hurry), over):
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


def _act(
    line: Line, clients: dict[int, Client], subject: Subject, quiet: _Quiet, over: float
) -> tuple[bytes, bytes, str] | None:
    """Do one line. Returns what was due, what came and why not more, if it failed."""
    if line.do == "connect":
        try:
            clients[line.client] = Client(subject.address, over)
        except OSError as error:
            return b"", b"", (error.strerror or "nothing answers").lower()
        return None
    if line.do == "pause":
        wait_for_rest(subject)
        return None
    if line.do == "urgent":  # a room may pass it on
        for client in clients.values():
            client.urgent = True
    if line.do == "meet":
        _meet(clients.values(), subject)
        return None
    client = clients[line.client]
    if line.do in ("expect", "end", "no more"):
        return _read(line.do, client, quiet)
    if line.do in ("send", "say"):
        for other in clients.values() if line.do == "say" else [client]:
            other.owed += line.data if other is not client or line.do == "send" else b""
        client.pending = memoryview(bytes(client.pending) + line.data)
        client.move(lambda: not client.pending, lambda seconds: seconds > _STALLED_SECONDS, reads=False)
    else:
        _do(line.do, client)
    return None


def _meet(clients: Iterable[Client], subject: Subject) -> None:
    """Wait until the room is at rest: then it has let all in. What it has sent them is thrown away."""
    wait_for_rest(subject)
    for client in clients:
        client.move(lambda: False, lambda _: True)
        client.came = bytearray()


def _do(do: str, client: Client) -> None:
    if do == "urgent":
        with contextlib.suppress(OSError):
            client.sock.send(URGENT, socket.MSG_OOB)
    elif do == "shutdown":
        client.then_shut_down = True
        if not client.pending:
            client.write()
    elif do == "close":
        client.sock.close()
    elif do == "reset":
        reset(client.sock)


def _read(do: str, client: Client, quiet: _Quiet) -> tuple[bytes, bytes, str] | None:
    if do == "expect":
        client.move(lambda: len(client.came) >= len(client.owed) or client.wrong(), quiet)
    elif do == "end":
        client.move(lambda: bool(client.how) or client.wrong(), quiet)
    else:
        until = time.monotonic() + TICK_SECONDS
        client.move(lambda: client.wrong() or time.monotonic() > until, lambda _: True)
    due, came = bytes(client.owed), bytes(client.came)
    if due == came and (do != "end" or client.how == CLOSED):
        if do == "expect":
            client.owed, client.came = bytearray(), bytearray()
        return None
    if first_difference(due, came) < len(came):
        return due, came, ""
    return due, came, client.how or ("the end never came" if due == came else "nothing more came")
