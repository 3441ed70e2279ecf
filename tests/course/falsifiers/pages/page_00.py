"""Worlds for 00, Start here."""

from types import SimpleNamespace
from typing import Any

from tests.course.falsifiers.world import World

PAGE = "00_start_here.ipynb"
SIZE, MANY = "fd9a7d7e", "c637a9dc"
CROWD = "with 500 clients the median is more than 3 times that of one client"
TAIL = "with one client the slowest request takes more than twice the median"
ALL = "every client was served, and no request was lost"


def run(p50_us: float = 60, max_us: float = 5_000, unserved: int = 0, **errors: int) -> SimpleNamespace:
    """A run of the load generator, as it is here unless something else is said."""
    return SimpleNamespace(p50_us=p50_us, max_us=max_us, unserved=unserved, errors=errors)


def crowd(name: str, answers: dict[str, bool], one: Any = None, many: Any = None) -> World:
    """A world of the cell with 500 clients."""
    return World(name, MANY, answers, lambda: {"one": one or run(), "many": many or run(2_000, 9_000)})


WORLDS = (
    World(
        "a server that naps for 10 ms and then looks",
        "61eb2f63",
        {"the median request takes between 2 µs and 5 ms": False},
        lambda: {"one": run(5_050)},
    ),
    World(
        "a server in our own process, which nobody has to wake",
        "61eb2f63",
        {"the median request takes between 2 µs and 5 ms": False},
        lambda: {"one": run(1.8)},
    ),
    World(
        "half of a small request's time is for its bytes",
        SIZE,
        {"a request with a thousand times the bytes takes less than 30 times as long": False},
        lambda: {"one": run(60), "large": run(30 + 30 * 1_000)},
    ),
    crowd("clients do not wait for each other", {CROWD: False, TAIL: True, ALL: True}, many=run(61)),
    crowd("no request is slower than another", {CROWD: True, TAIL: False, ALL: True}, one=run(60, 61)),
    crowd("a client is never served", {CROWD: True, TAIL: True, ALL: False}, many=run(2_000, 9_000, unserved=1)),
    crowd("a connection is reset", {CROWD: True, TAIL: True, ALL: False}, one=run(reset=1)),
)
