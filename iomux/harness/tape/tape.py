"""The event tape: when bytes arrived on each connection, when the poller reported it, when they were read and answered.

The server runs recorded, in its own process (`iomux.harness.tape.server`), and a script plays its clients. They do not
wait for answers, so that the tape shows what a server does late, or never. Recording costs some microseconds a call:
look at the order of the marks and at the milliseconds, and take latencies from `iomux.load`.
"""

import contextlib
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iomux import servers
from iomux.harness.tape.recorder import EMPTY_READ, monotonic_ns
from iomux.harness.tape.script import Line, check_script
from iomux.harness.tape.server import collect, recordable, recorded
from iomux.processes.resolve import name_of
from iomux.processes.server import LAST_WORDS_SECONDS, start
from iomux.servers.connection import Handler, echo
from iomux.system.sockets import Address

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("server", "client", "mark", "at_us", "begin_us", "end_us", "size_bytes", "times")
"""The columns of a tape; `iomux.harness.tape.trigger_modes` adds `step`."""

MARKS = {
    "accept": "accept",
    "wait for read": "notification",
    "wait for write": "room",
    "recv": "read",
    EMPTY_READ: EMPTY_READ,
    "send": "write",
    "close": "close",
}
"""The mark for each recorded step; `handler` has none."""

PATIENCE_S = 0.5
"""How long after the script's last line a server may take to close its clients; then the tape ends."""


def tape(
    names: str | servers.Serve | Sequence[str | servers.Serve], script: Sequence[Line], handler: Handler = echo
) -> "pd.DataFrame":
    """What happens on each connection, and when: one row for each mark, in order of time.

    names: a registered name or a `serve` function, or several, one after the other. script: lines of (seconds, client,
    bytes), in the order of their times; a client connects when its first line is due, sends without waiting for
    answers, and half-closes at its last line, which has no bytes (shutdown(2)). It reads its answers after the
    script's end. handler: computes each answer.

    Columns: `server`, `client`, `mark`, `at_us` since the script began: when a client's call began, or a server's
    call returned; `begin_us` and `end_us` of the call, `size_bytes`, `times` (how many calls in a row).
    Marks of the client: `connect`, `arrival` (its `send` begins: on loopback that call puts the bytes into the
    receiver's buffer) and `hang-up`. Marks of the server: `accept`, `notification` (its poller reported the
    connection as readable), `room` (as writable), `read`, `EAGAIN` (`recv` calls that found nothing; `at_us` is the
    first of them), `write`, `close`. A notification is seen if the server sleeps in one of our pollers, or calls
    `select.select`, `select.poll` or `select.epoll` by these names. A server that has not closed its clients half
    a second after the last line is stopped: then it has no `close`.

    Raises ValueError for a script that can't be played and for uvloop and io_uring, whose calls can't be seen,
    LookupError for an unknown name, ServerError, with its traceback, if the server ends.

    Example:
    >>> frame = iomux.tape("poll", [(0.0, "ann", b"hello"), (0.05, "ann", b"")])
    >>> [mark for mark in frame["mark"] if mark in ("read", "write", "close")]
    ['read', 'write', 'read', 'close']
    """
    import pandas as pd

    check_script(script)
    several: Sequence[Any] = [names] if isinstance(names, str) or callable(names) else names
    rows = [row for name in several for row in sorted(_one_server(name, script, handler), key=lambda row: row[3])]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _one_server(server: str | servers.Serve, script: Sequence[Line], handler: Handler) -> list[tuple[Any, ...]]:
    target = recordable(server)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tape"
        with (
            start(recorded(target, path), handler=handler) as running,
            contextlib.ExitStack() as open_sockets,
        ):
            clients = _Clients(running.address, open_sockets)
            try:
                began = clients.play(script)
            except OSError:
                running.check(LAST_WORDS_SECONDS)
                raise
            clients.drain(PATIENCE_S)
            lines = collect(running, path, len(clients.names), PATIENCE_S)
    seen = [
        (clients.names[port], MARKS[step], begin if step == EMPTY_READ else end, begin, end, size, times)
        for port, step, begin, end, size, times in lines
        if step in MARKS
    ]
    name = name_of(server)
    return [
        (name, who, mark, *((moment - began) / 1000 for moment in moments), size, times)
        for who, mark, *moments, size, times in [*clients.seen, *seen]
    ]


class _Clients:
    """The clients of one script: what they did, and when."""

    def __init__(self, address: Address, open_sockets: contextlib.ExitStack) -> None:
        self.seen: list[tuple[str, str, int, int, int, int, int]] = []
        self.names: dict[int, str] = {}
        self._address, self._open_sockets = address, open_sockets
        self._socks: dict[str, socket.socket] = {}

    def play(self, script: Sequence[Line]) -> int:
        """Play the script; return when it began."""
        began = monotonic_ns()
        for when, who, data in script:
            time.sleep(max(0.0, when - (monotonic_ns() - began) / 1e9))
            if who not in self._socks:
                self._connect(who)
            begin = monotonic_ns()
            with contextlib.suppress(OSError):  # the server may have closed it: then there is nothing more to record
                if data:
                    self._socks[who].sendall(data)
                else:
                    self._socks[who].shutdown(socket.SHUT_WR)
            self.seen.append((who, "arrival" if data else "hang-up", begin, begin, monotonic_ns(), len(data), 1))
        return began

    def _connect(self, who: str) -> None:
        begin = monotonic_ns()
        sock = self._open_sockets.enter_context(socket.create_connection(self._address, timeout=5))
        self.seen.append((who, "connect", begin, begin, monotonic_ns(), 0, 1))
        self._socks[who] = sock
        self.names[sock.getsockname()[1]] = who

    def drain(self, seconds: float) -> None:
        """Read what every client was sent, until the server has closed them all, or for `seconds` at most."""
        until = time.monotonic() + seconds
        for sock in self._socks.values():
            with contextlib.suppress(TimeoutError, ConnectionError, BlockingIOError):
                sock.settimeout(max(0.001, until - time.monotonic()))
                while sock.recv(1 << 16):
                    sock.settimeout(max(0.001, until - time.monotonic()))
