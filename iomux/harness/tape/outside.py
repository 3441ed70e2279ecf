"""A tape of a server that is seen from outside only: a command line in any language, or a running server's address.

What its clients see is when an answer comes, and when a connection ends. So these clients read while the script goes
on, and not after its end, as those of a recorded server do.
"""

import contextlib
import select
import socket
import time
from collections.abc import Sequence

from iomux.harness.tape.clients import Clients, Seen
from iomux.harness.tape.recorder import monotonic_ns
from iomux.harness.tape.script import Line
from iomux.processes.outside import reached
from iomux.processes.resolve import Found, name_of
from iomux.processes.server import LAST_WORDS_SECONDS
from iomux.servers.connection import Handler


def tape_outside(
    target: Found, script: Sequence[Line], handler: Handler | None, patience: float
) -> tuple[int, list[Seen]]:
    """When the script began, and what its clients did and saw, up to `patience` seconds after its last line.

    Raises ConnectionRefusedError if nobody listens at an address, and RuntimeError if nothing came back at all.
    """
    with reached(target, handler) as running, contextlib.ExitStack() as open_sockets:
        clients = Clients(running.address, open_sockets)
        answers = _Answers(clients.socks)
        try:
            began = clients.play(script, answers.watch)
        except ConnectionRefusedError:
            running.check(LAST_WORDS_SECONDS)
            raise ConnectionRefusedError(f"nobody listens at {name_of(target)}: start the server first") from None
        except OSError:
            running.check(LAST_WORDS_SECONDS)
            raise
        answers.watch(patience, until_ended=True)
        running.check()
    if not answers.seen:
        raise RuntimeError(
            f"{name_of(target)} answered nothing and ended no connection within {patience} s of the script's last "
            f"line: from outside there is nothing to see\n{running.log}".rstrip()
        )
    return began, sorted([*clients.seen, *answers.seen], key=lambda mark: mark[2])


class _Answers:
    """What comes back on the clients' sockets, and when."""

    def __init__(self, socks: dict[str, socket.socket]) -> None:
        self.seen: list[Seen] = []
        self._socks = socks
        self._ended: set[str] = set()

    def watch(self, seconds: float, until_ended: bool = False) -> None:
        """Read for `seconds`, or with `until_ended` until every connection has ended, if that is earlier."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            waiting = {sock.fileno(): who for who, sock in self._socks.items() if who not in self._ended}
            if until_ended and not waiting:
                return
            poller = select.poll()
            for fd in waiting:
                poller.register(fd, select.POLLIN)
            for fd, _ in poller.poll(left * 1000):
                self._read(waiting[fd])

    def _read(self, who: str) -> None:
        begin = monotonic_ns()
        try:
            size = len(self._socks[who].recv(1 << 16))
        except OSError:  # reset
            size = 0
        end = monotonic_ns()
        self.seen.append((who, "answer" if size else "end", end, begin, end, size, 1))
        if not size:
            self._ended.add(who)
