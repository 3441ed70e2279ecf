"""Solutions of 03, Event-driven programs: a click that emits a click, slow fetching, and a beat without drift."""

import contextlib
import itertools
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from iomux.course import canteen
from iomux.events import EventLoop
from iomux.solutions.pages.page_servers import functions

if TYPE_CHECKING:
    import pandas as pd

Every = Callable[[EventLoop, float, Callable[[], object]], None]
"""Calls a handler once in a given number of seconds, as long as the loop runs."""


class Enough(Exception):
    """Ends a loop that would never end."""


class Clicks(NamedTuple):
    """How often a click that emits a click was handled, and how often a timer in the same loop."""

    ours: int
    """In the page's own loop, until it was ended."""
    library: int
    ticks: int


def exercise_1(ours: int = 1_000, ticks: int = 5) -> Clicks:
    """The page's loop, ended after `ours` clicks; `EventLoop`, stopped by its timer after `ticks` ticks."""
    names = functions("03_event_driven_programs.ipynb", "on", "emit", "run", queue=deque(), handlers={})
    in_ours, in_library, ticked = (itertools.count(1) for _ in range(3))

    def click() -> None:
        names["emit"]("click")
        if next(in_ours) == ours:
            raise Enough

    names["on"]("click", click)
    names["emit"]("click")
    with contextlib.suppress(Enough):
        names["run"]()
    with EventLoop() as loop:
        loop.on("click", lambda: next(in_library))
        loop.on("click", lambda: loop.emit("click"))
        loop.emit("click")
        every(loop, 0.01, lambda: loop.stop() if next(ticked) == ticks else None)
        loop.run()
    return Clicks(*(next(count) - 1 for count in (in_ours, in_library, ticked)))


def exercise_2(fetch_minutes: float = 5.0) -> "pd.DataFrame":
    """The guest's minutes in each restaurant: the page's seven dishes, each carried for `fetch_minutes`."""
    usual, canteen.FETCH_MINUTES = canteen.FETCH_MINUTES, fetch_minutes
    try:
        return canteen.minutes(canteen.visit(canteen.cook(7, seed=0)))
    finally:
        canteen.FETCH_MINUTES = usual


def every_from_now(loop: EventLoop, seconds: float, handler: Callable[[], object]) -> None:
    """Set each timer when the handler has ended: the handler's time is added to each round."""

    def again() -> None:
        handler()
        loop.after(seconds, again)

    loop.after(seconds, again)


def every(loop: EventLoop, seconds: float, handler: Callable[[], object]) -> None:
    """Set each timer from the planned moment; a moment in the past comes at once."""
    planned = time.monotonic() + seconds

    def again() -> None:
        nonlocal planned
        handler()
        planned += seconds
        loop.after(max(0.0, planned - time.monotonic()), again)

    loop.after(seconds, again)


def beat_ms(repeat: Every, beats: int = 20) -> float:
    """The mean time in ms between two beats that are planned every 20 ms, with a handler that takes 5 ms."""
    moments: list[float] = []
    with EventLoop() as loop:

        def handler() -> None:
            moments.append(time.monotonic())
            time.sleep(0.005)
            if len(moments) > beats:
                loop.stop()

        repeat(loop, 0.02, handler)
        loop.run()
    return (moments[-1] - moments[0]) / beats * 1000


def exercise_3() -> dict[str, float]:
    """Milliseconds between two beats, with timers set from now and from the planned moment."""
    return {"from now": beat_ms(every_from_now), "planned": beat_ms(every)}
