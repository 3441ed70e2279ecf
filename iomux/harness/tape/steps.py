"""Steps: the calls that a server makes for each client, in order, whatever style the server is written in.

The server runs in its own process on recorded sockets and a recorded poller, and a script of a few lines plays its
clients. The result is the order of the steps, with times: accept, wait, recv, handler, send, wait, close. So callbacks,
generators and coroutines can be compared side by side. To measure the cost of a request, use `iomux.load`.
"""

import contextlib
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iomux import servers
from iomux.harness.tape.recorder import EMPTY_READ, monotonic_ns
from iomux.harness.tape.script import Line, check_script
from iomux.harness.tape.server import collect, recordable, recorded
from iomux.processes.resolve import name_of
from iomux.processes.server import LAST_WORDS_SECONDS
from iomux.processes.start import start
from iomux.servers.connection import Handler, echo
from iomux.system.sockets import Address

if TYPE_CHECKING:
    import pandas as pd

DEADLINE_S = 10.0
"""How long a client waits for an answer, and how long the server may take to close all clients."""


def steps(
    names: Sequence[str | servers.Serve] | str | servers.Serve, script: Sequence[Line], handler: Handler = echo
) -> "pd.DataFrame":
    """The steps of each server for the clients of a script; one row for each step, in the order of their ends.

    names: a registered name or a `serve` function, or several, one after the other. script: lines in the order of their
    times; all clients connect before the first line; a client that has sent waits for the first byte of its answer; its
    last line sends nothing. handler: computes each answer; a server without a parameter for it has to echo.

    Columns: `server`, `client`, `step` (accept, wait for read, recv, handler, send, wait for write, close), `begin_us`
    and `end_us` since the script began, `size_bytes`. Waits are seen only if a server sleeps in one of our pollers,
    or in Python's `select.select`, `select.poll` or `select.epoll`, on which `selectors` and asyncio are built.

    Raises ValueError for a script that can't be played and for uvloop and io_uring, whose calls can't be seen,
    LookupError for an unknown name, TimeoutError if an answer does not come, RuntimeError if it is wrong, and
    ServerError, with its traceback, if the server ends.

    Example:
    >>> from iomux.harness.tape.steps import steps
    >>> list(steps("poll", [(0.0, "ann", b"hello"), (0.05, "ann", b"")])["step"])
    ['accept', 'wait for read', 'recv', 'handler', 'send', 'wait for read', 'recv', 'close']
    """
    import pandas as pd

    check_script(script)
    chosen = [names] if isinstance(names, str) or callable(names) else names
    rows = [row for name in chosen for row in _one_server(name, script, handler)]
    return pd.DataFrame(rows, columns=["server", "client", "step", "begin_us", "end_us", "size_bytes"])


def order(frame: "pd.DataFrame", only: Sequence[str] = ()) -> dict[str, dict[str, list[str]]]:
    """The steps in their order by server and client; if `only` is given, these steps alone.

    However often the kernel's buffer was full, the wait for writability and the send after it appear once.

    Example:
    >>> from iomux.harness.tape.steps import order, steps
    >>> order(steps("poll", [(0.0, "ann", b"hello"), (0.05, "ann", b"")]), only=["recv", "send"])
    {'poll': {'ann': ['recv', 'send', 'recv']}}
    """
    return {
        str(server): {str(client): _order(rows, only) for client, rows in of_server.groupby("client")}
        for server, of_server in frame.groupby("server", sort=False)
    }


def _order(rows: "pd.DataFrame", only: Sequence[str]) -> list[str]:
    found: list[str] = []
    for step in rows["step"]:
        if not only or step in only:
            found.append(step)
        if found[-4:] == ["wait for write", "send"] * 2:
            del found[-2:]
        elif found[-2:] == ["send", "send"]:
            del found[-1]
    return found


def _one_server(server: str | servers.Serve, script: Sequence[Line], handler: Handler) -> list[tuple[Any, ...]]:
    target = recordable(server)
    answers = {data: handler(data) for _, _, data in script if data}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "steps"
        with start(recorded(target, path), handler=handler) as running:
            try:
                began, clients = _play(running.address, script, answers)
            except (OSError, RuntimeError):
                running.check(LAST_WORDS_SECONDS)
                raise
            lines = collect(running, path, len(clients), DEADLINE_S)
    name = name_of(server)
    return [
        (name, clients[port], step, (begin - began) / 1000, (end - began) / 1000, size)
        for port, step, begin, end, size, _ in lines
        if step != EMPTY_READ
    ]


def _play(address: Address, script: Sequence[Line], answers: Mapping[bytes, bytes]) -> tuple[int, dict[int, str]]:
    """Play the script; return when it began and the clients' names by their ports."""
    with contextlib.ExitStack() as stack:
        clients = {
            who: _Client(stack.enter_context(socket.create_connection(address, DEADLINE_S)))
            for who in dict.fromkeys(who for _, who, _ in script)
        }
        ports = {client.sock.getsockname()[1]: who for who, client in clients.items()}
        began = monotonic_ns()
        for when, who, data in script:
            time.sleep(max(0.0, when - (monotonic_ns() - began) / 1e9))
            if data:
                clients[who].ask(data, answers[data])
            else:
                clients[who].leave()
    return began, ports


class _Client:
    """One client of the script: the bytes that it is owed, and how many it has got."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._owed = bytearray()
        self._got = 0

    def ask(self, data: bytes, answer: bytes) -> None:
        before = len(self._owed)
        self.sock.sendall(data)
        self._owed += answer
        self._read(before + bool(answer))  # so that the server has started on it before the script goes on

    def leave(self) -> None:
        self._read(len(self._owed))
        self.sock.shutdown(socket.SHUT_WR)
        if more := self.sock.recv(1):
            raise RuntimeError(f"the server sent more than it owed: {more!r}")

    def _read(self, until: int) -> None:
        while self._got < until:
            try:
                piece = self.sock.recv(min(until - self._got, 1 << 20))
            except TimeoutError:
                raise TimeoutError(f"no answer within {DEADLINE_S:.0f} s, after {self._got:,} bytes of it") from None
            if not piece or piece != self._owed[self._got : self._got + len(piece)]:
                raise RuntimeError(f"a wrong answer: {piece[:40]!r} at byte {self._got:,} of {len(self._owed):,}")
            self._got += len(piece)
