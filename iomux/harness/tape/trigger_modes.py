"""The same five steps watched level-triggered, edge-triggered and one-shot, as event tapes to compare side by side.

One connection over loopback is watched for reading by its own epoll object. Four bytes arrive; two are read; two more
arrive; all are read, up to EAGAIN; the client hangs up. After each step epoll is polled twice, without waiting:
*level* reports a state, so it gives the same answer twice; *edge* (EPOLLET) reports a change, once; *one-shot*
(EPOLLONESHOT) reports once and is then disarmed until it is armed again, here after the read to EAGAIN.

Cost: some 60 ms a mode, nearly all of it the pauses that keep the marks apart. Sources: epoll(7), "Level-triggered
and edge-triggered"; epoll_ctl(2); fs/eventpoll.c in the Linux kernel (ep_send_events).
"""

import contextlib
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from iomux.harness.tape.recorder import EMPTY_READ, monotonic_ns
from iomux.harness.tape.tape import COLUMNS
from iomux.servers import get
from iomux.system.sockets import tcp_pair

if TYPE_CHECKING:
    import pandas as pd

MODES = {"level": (), "edge": ("EPOLLET",), "one-shot": ("EPOLLONESHOT",)}
"""The trigger modes, and the flags of epoll_ctl(2) that they add to EPOLLIN."""
STEPS = ("4 bytes arrive", "2 are read", "2 more arrive", "read to EAGAIN", "hang-up")
"""The five steps, in their order."""
_STEP_S, _FIRST_POLL_S, _SECOND_POLL_S = 0.012, 0.003, 0.007


class _WatchedConnection:
    """One connection, its epoll object, and what has happened on it."""

    def __init__(self, near: socket.socket, far: socket.socket, epoll: Any, interest: int) -> None:
        self.near, self.far, self.epoll, self.interest = near, far, epoll, interest
        self.seen: list[tuple[int, str, int, int, int]] = []
        self.step = 0
        near.setblocking(False)
        epoll.register(near, interest)

    def arrive(self, size: int) -> None:
        self._note("arrival", lambda: self.far.send(bytes(size)), size)

    def read(self, most: int) -> int:
        """Read once; return the number of bytes, 0 if there were none."""
        begin = monotonic_ns()
        try:
            size = len(self.near.recv(most))
        except BlockingIOError:
            size = 0
        self.seen.append((self.step, "read" if size else EMPTY_READ, begin, monotonic_ns(), size))
        return size

    def drain(self) -> None:
        while self.read(4):
            pass
        if self.interest & select.EPOLLONESHOT:
            self._note("re-arm", lambda: self.epoll.modify(self.near, self.interest))

    def hang_up(self) -> None:
        self._note("hang-up", lambda: self.far.shutdown(socket.SHUT_WR))

    def poll(self) -> None:
        begin = monotonic_ns()
        mark = "notification" if self.epoll.poll(0) else "nothing ready"
        self.seen.append((self.step, mark, begin, monotonic_ns(), 0))

    def _note(self, mark: str, call: Callable[[], Any], size: int = 0) -> None:
        begin = monotonic_ns()
        call()
        self.seen.append((self.step, mark, begin, monotonic_ns(), size))


def five_steps(modes: str | Sequence[str] = tuple(MODES)) -> "pd.DataFrame":
    """What epoll reports in each mode after each of `STEPS`, polled twice: one row for each mark, in order.

    modes: one or several of `MODES`. The columns are those of `iomux.tape`, with the mode as `server`, and `step`, from
    1; `iomux.plot.tape` draws it. The marks: `arrival`, `read`, `EAGAIN`, `re-arm` (EPOLL_CTL_MOD), `hang-up`, and for
    each poll `notification` or `nothing ready`.

    Raises LookupError for an unknown mode, and if this machine has no epoll.

    Example:
    >>> from iomux.harness.tape.trigger_modes import five_steps
    >>> list(five_steps("edge")["mark"][:3])
    ['arrival', 'notification', 'nothing ready']
    """
    import pandas as pd

    several = [modes] if isinstance(modes, str) else list(modes)
    if unknown := [mode for mode in several if mode not in MODES]:
        raise LookupError(f"no mode is called {unknown[0]!r}: choose from {', '.join(MODES)}")
    get("epoll").load()  # raises with the reason if there is none
    rows = [row for mode in several for row in _one_mode(mode)]
    return pd.DataFrame(rows, columns=[*COLUMNS, "step"])


def _one_mode(mode: str) -> list[tuple[Any, ...]]:
    interest = sum((getattr(select, flag) for flag in MODES[mode]), start=select.EPOLLIN)
    near, far = tcp_pair()
    with near, far, contextlib.closing(select.epoll()) as epoll:
        pair = _WatchedConnection(near, far, epoll, interest)
        began = _take_five_steps(pair)
    marks = []
    for step, mark, begin, end, size in pair.seen:
        times_us = [(moment - began) / 1000 for moment in (begin, begin, end)]
        marks.append((mode, "the connection", mark, *times_us, size, 1, step))
    return marks


def _take_five_steps(pair: _WatchedConnection) -> int:
    """Take the five steps, and poll twice after each; return when they began."""
    began = monotonic_ns()
    steps = (lambda: pair.arrive(4), lambda: pair.read(2), lambda: pair.arrive(2), pair.drain, pair.hang_up)
    for number, step in enumerate(steps):
        pair.step = number + 1
        _sleep_until(began, number * _STEP_S)
        step()
        for after in (_FIRST_POLL_S, _SECOND_POLL_S):
            _sleep_until(began, number * _STEP_S + after)
            pair.poll()
    return began


def _sleep_until(began: int, seconds: float) -> None:
    time.sleep(max(0.0, seconds - (monotonic_ns() - began) / 1e9))
