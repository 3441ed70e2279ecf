"""The same five steps watched level-triggered, edge-triggered and one-shot, as event tapes to lie side by side.

One connection over loopback, watched for reading by an epoll object of its own. Four bytes arrive; half of them are
read; two more arrive; all is read, up to EAGAIN; the client hangs up. After each step epoll is asked twice, without
waiting: *level* tells of a state, so it says the same twice; *edge* (EPOLLET) tells of something new, once; *one-shot*
(EPOLLONESHOT) tells once and is then disarmed until it is armed again, which here is done after the read to EAGAIN.

Cost: some 60 ms a mode, nearly all of it the pauses that keep the marks apart. Sources: epoll(7), "Level-triggered
and edge-triggered"; epoll_ctl(2); fs/eventpoll.c in the Linux kernel (ep_send_events).
"""

import contextlib
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from iomux.harness.tape.recorder import IN_VAIN, monotonic_ns
from iomux.harness.tape.tape import COLUMNS
from iomux.servers import get
from iomux.system.sockets import tcp_pair

if TYPE_CHECKING:
    import pandas as pd

MODES = {"level": (), "edge": ("EPOLLET",), "one-shot": ("EPOLLONESHOT",)}
"""How a descriptor can be watched, by the flags of epoll_ctl(2) that it takes beside EPOLLIN."""
STEPS = ("4 bytes arrive", "2 are read", "2 more arrive", "read to EAGAIN", "hang-up")
"""The five steps, in their order."""
_STEP_S, _FIRST_S, _AGAIN_S = 0.012, 0.003, 0.007


class _Play:
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
        """Read once; the bytes that came, 0 where there were none."""
        begin = monotonic_ns()
        try:
            size = len(self.near.recv(most))
        except BlockingIOError:
            size = 0
        self.seen.append((self.step, "read" if size else IN_VAIN, begin, monotonic_ns(), size))
        return size

    def drain(self) -> None:
        while self.read(4):
            pass
        if self.interest & select.EPOLLONESHOT:
            self._note("re-arm", lambda: self.epoll.modify(self.near, self.interest))

    def hang_up(self) -> None:
        self._note("hang-up", lambda: self.far.shutdown(socket.SHUT_WR))

    def ask(self) -> None:
        begin = monotonic_ns()
        mark = "notification" if self.epoll.poll(0) else "nothing ready"
        self.seen.append((self.step, mark, begin, monotonic_ns(), 0))

    def _note(self, mark: str, call: Callable[[], Any], size: int = 0) -> None:
        begin = monotonic_ns()
        call()
        self.seen.append((self.step, mark, begin, monotonic_ns(), size))


def five_steps(modes: str | Sequence[str] = tuple(MODES)) -> "pd.DataFrame":
    """What epoll says in each mode after each of `STEPS`, asked twice: one row a mark, in their order.

    modes: one or several of `MODES`. The columns are those of `iomux.tape`, with the mode as `server`, and `step`, from
    1; `iomux.plot.tape` draws it. The marks: `arrival`, `read`, `EAGAIN`, `re-arm` (EPOLL_CTL_MOD), `hang-up`, and of
    each question `notification` or `nothing ready`.

    Raises LookupError for a mode that there is not, and where this machine has no epoll.

    Example:
    >>> from iomux.harness.tape.trigger_modes import five_steps
    >>> list(five_steps("edge")["mark"][:3])
    ['arrival', 'notification', 'nothing ready']
    """
    import pandas as pd

    several = [modes] if isinstance(modes, str) else list(modes)
    if unknown := [mode for mode in several if mode not in MODES]:
        raise LookupError(f"no mode is called {unknown[0]!r}: choose among {', '.join(MODES)}")
    get("epoll").load()  # says why, where there is none
    rows = [row for mode in several for row in _of_one(mode)]
    return pd.DataFrame(rows, columns=[*COLUMNS, "step"])


def _of_one(mode: str) -> list[tuple[Any, ...]]:
    interest = sum((getattr(select, flag) for flag in MODES[mode]), start=select.EPOLLIN)
    near, far = tcp_pair()
    with near, far, contextlib.closing(select.epoll()) as epoll:
        play = _Play(near, far, epoll, interest)
        began = _five(play)
    marks = []
    for step, mark, begin, end, size in play.seen:
        times_us = [(moment - began) / 1000 for moment in (begin, begin, end)]
        marks.append((mode, "the connection", mark, *times_us, size, 1, step))
    return marks


def _five(play: _Play) -> int:
    """Take the five steps, and ask twice after each; when they began."""
    began = monotonic_ns()
    steps = (lambda: play.arrive(4), lambda: play.read(2), lambda: play.arrive(2), play.drain, play.hang_up)
    for number, step in enumerate(steps):
        play.step = number + 1
        _sleep_until(began, number * _STEP_S)
        step()
        for after in (_FIRST_S, _AGAIN_S):
            _sleep_until(began, number * _STEP_S + after)
            play.ask()
    return began


def _sleep_until(began: int, seconds: float) -> None:
    time.sleep(max(0.0, seconds - (monotonic_ns() - began) / 1e9))
