"""Worlds for 12, Coursework."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pandas as pd

import iomux
from iomux.course.coursework import solutions
from tests.course.falsifiers.world import World

PAGE = "12_coursework.ipynb"
COST, POINTS = "coursework-37", "coursework-40"
ECHOES = "the starter of (b) passes the item echoes"
FORGETS = "the starter of (b) forgets a client that was reported only once"
CLIMB = "with 900 connections select and the given server cost over twice as much as with 10"
LESS = "with 900 connections the given server costs over twice as much as epoll"
ALL = {letter: f"assignment ({letter}) is solved" for letter in "abc"}
LINES = {"select": (40.0, 270.0), "serve_select": (40.0, 220.0), "epoll": (30.0, 31.0)}


def checked(serve: Any, *items: str) -> dict[str, Any]:
    """What the check of (b) says of another server."""
    return {"b": iomux.check(serve, only=["echoes", *items], progress=False)}


def closes(listener: Any) -> None:
    """Accept clients, and close them."""
    while True:
        listener.accept()[0].close()


def race(**changed: tuple[float, float]) -> dict[str, Any]:
    """A race in which a request costs this with 10 and with 900 connections, in microseconds."""
    rows = [
        (server, connections, repeat, us)
        for server, costs in (LINES | changed).items()
        for connections, us in zip((10, 900), costs, strict=True)
        for repeat in range(3)
    ]
    return {"race": pd.DataFrame(rows, columns=["server", "connections", "repeat", "cpu_us_per_request"])}


def marks(solved: Sequence[str], points: int = 100) -> dict[str, Any]:
    """Reports of the three assignments, some of them solved."""
    return {letter: SimpleNamespace(passed=letter in solved, points=points) for letter in "abc"}


WORLDS = (
    World(
        "a server that remembers who may have more",
        "coursework-24",
        {ECHOES: True, FORGETS: False},
        lambda: checked(solutions.serve_edge_triggered, "half-close"),
        needs=["epoll"],
    ),
    World(
        "a server that closes every client", "coursework-24", {ECHOES: False, FORGETS: False}, lambda: checked(closes)
    ),
    World(
        "select costs the same whatever the length of its list",
        COST,
        {CLIMB: False, LESS: True},
        lambda: race(select=(40, 45)),
    ),
    World("the given server costs the same", COST, {CLIMB: False, LESS: False}, lambda: race(serve_select=(40, 42))),
    World("epoll looks at its whole list, too", COST, {CLIMB: True, LESS: False}, lambda: race(epoll=(30, 200))),
    World("(a) is solved", POINTS, {ALL["a"]: True, ALL["b"]: False, ALL["c"]: False}, lambda: marks("a")),
    World("(b) and (c) are solved", POINTS, {ALL["a"]: False, ALL["b"]: True, ALL["c"]: True}, lambda: marks("bc")),
    World("only two items were tried", POINTS, dict.fromkeys(ALL.values(), False), lambda: marks("abc", points=12)),
)
