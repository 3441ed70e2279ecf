"""The event tape: when bytes arrived on each connection, when the poller reported it, when they were read and answered.

The server runs recorded, in its own process (`iomux.harness.tape.server`), and a script plays its clients. They do not
wait for answers, so that the tape shows what a server does late, or never. Recording costs some microseconds a call:
look at the order of the marks and at the milliseconds, and take latencies from `iomux.load`.
"""

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iomux import servers
from iomux.harness.tape.clients import Clients, Seen
from iomux.harness.tape.outside import tape_outside
from iomux.harness.tape.recorder import EMPTY_READ
from iomux.harness.tape.script import Line, check_script
from iomux.harness.tape.server import collect, recordable, recorded
from iomux.harness.tape.unseen import notifications_not_seen
from iomux.processes.outside import NOT_SEEN, is_outside
from iomux.processes.resolve import Found, find, name_of
from iomux.processes.server import LAST_WORDS_SECONDS, Server
from iomux.processes.start import start
from iomux.servers.connection import Handler

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
    names: str | servers.Serve | Sequence[str | servers.Serve],
    script: Sequence[Line],
    handler: Handler | None = None,
) -> "pd.DataFrame":
    """What happens on each connection, and when: one row for each mark, in order of time.

    names: a registered name, `file.py:function` or a `serve` function, a command line in any language, or `host:port`
    of a server that runs; or several, one after the other. script: lines of (seconds, client, bytes), in the order of
    their times; a client connects when its first line is due, sends without waiting for answers, and half-closes at
    its last line, which has no bytes (shutdown(2)). It reads its answers after the script's end. handler: computes
    each answer; by default the server's.

    Columns: `server`, `client`, `mark`, `at_us` since the script began: when a client's call began, or a server's
    call returned; `begin_us` and `end_us` of the call, `size_bytes`, `times` (how many calls in a row).
    Marks of the client: `connect`, `arrival` (its `send` begins: on loopback that call puts the bytes into the
    receiver's buffer) and `hang-up`. Marks of the server: `accept`, `notification` (its poller reported the
    connection as readable), `room` (as writable), `read`, `EAGAIN` (`recv` calls that found nothing; `at_us` is the
    first of them), `write`, `close`. A notification is seen if the server sleeps in one of our pollers, or in
    Python's `select.select`, `select.poll` or `select.epoll`, on which `selectors` and asyncio are built. A server
    that has not closed its clients half a second after the last line is stopped: then it has no `close`.

    Of a command, of an address and of what makes its own listener only what the clients see is shown: they read at
    once, with the marks `answer` (bytes have come back) and `end` (the server has closed or reset the connection).

    `.attrs["not_seen"]`: what was not seen of a server and why, by its name.

    Raises ValueError for a script that can't be played and for uvloop and io_uring, whose calls can't be seen,
    LookupError for an unknown name, ServerError, with its traceback, if the server ends, ConnectionRefusedError if
    nobody listens at an address, RuntimeError if a server bypasses the recorded sockets, accepts no client, or, seen
    from outside, never answers.

    Example:
    >>> frame = iomux.tape("poll", [(0.0, "ann", b"hello"), (0.05, "ann", b"")])
    >>> [mark for mark in frame["mark"] if mark in ("read", "write", "close")]
    ['read', 'write', 'read', 'close']
    """
    import pandas as pd

    check_script(script)
    several: Sequence[Any] = [names] if isinstance(names, str) or callable(names) else names
    tapes = [(name, _one_server(name, script, handler)) for name in several]
    rows = [(name_of(name), *row) for name, (found, _) in tapes for row in found]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame.attrs["not_seen"] = {name_of(name): reason for name, (_, reason) in tapes if reason}
    return frame


def _one_server(server: Found, script: Sequence[Line], handler: Handler | None) -> tuple[list[tuple[Any, ...]], str]:
    """The rows of one server without its name, in order of time, and what of it was not seen."""
    found = find(server)
    if is_outside(found):
        began, seen = tape_outside(found, script, handler, PATIENCE_S)
        reason = NOT_SEEN
    else:
        began, seen, reason = _recorded(found, script, handler)
    return [
        (who, mark, *((moment - began) / 1000 for moment in moments), size, times)
        for who, mark, *moments, size, times in sorted(seen, key=lambda mark: mark[2])
    ], reason


def _recorded(server: Found, script: Sequence[Line], handler: Handler | None) -> tuple[int, list[Seen], str]:
    """When the script began, what the clients and the server did, and why notifications are missing."""
    target = recordable(server)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tape"
        with (
            start(recorded(target, path), handler=handler) as running,
            contextlib.ExitStack() as open_sockets,
        ):
            clients = Clients(running.address, open_sockets)
            try:
                began = clients.play(script)
            except OSError:
                running.check(LAST_WORDS_SECONDS)
                raise
            clients.drain(PATIENCE_S)
            lines = collect(running, path, len(clients.names), PATIENCE_S)
    _check_recorded(lines, clients.got, running)
    came = {port: [at for name, _, at, *_ in clients.seen if name == who] for port, who in clients.names.items()}
    seen = [
        (clients.names[port], MARKS[step], begin if step == EMPTY_READ else end, begin, end, size, times)
        for port, step, begin, end, size, times in lines
        if step in MARKS
    ]
    return began, [*clients.seen, *seen], "" if isinstance(target, str) else notifications_not_seen(lines, came)


def _check_recorded(lines: list[list[Any]], got: int, running: Server) -> None:
    """Raise RuntimeError if the server made no call that was recorded, although it should have."""
    if got and not any(step == "send" for _, step, *_ in lines):
        raise RuntimeError(
            "the server answered without the sockets that the listener accepts: it can't be recorded; use recv, "
            "recv_into, send, sendmsg and sendall of these sockets, or give its address, as 127.0.0.1:8000"
        )
    if not lines:
        raise RuntimeError(
            f"the server accepted no client within {PATIENCE_S} s of the script's last line: there is nothing to see\n"
            f"{running.log}".rstrip()
        )
