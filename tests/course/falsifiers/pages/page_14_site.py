"""Worlds for 14, a web server: the library's site, its cost under the mechanisms, and the assignment."""

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pandas as pd

from tests.course.falsifiers.world import World

PAGE = "14_a_web_server.ipynb"
INSIDE, OUTSIDE = "a file in the folder is found", "no path leads out of the folder"
ONE = "the servers with one thread differ by less than a factor of three"
DEAR = "an answer of http.server costs more than twice as much as the object's under select"
POLL = "5,000 idle clients make an answer of poll cost over twice as much"
EPOLL, SELECT = (
    "5,000 idle clients make an answer of epoll cost less than twice as much",
    "select turned some of 5,000 away",
)
LESS = "nginx answers for less processor time than our object on epoll"
PASSES, HEAD = "the page's server passes get, not-found and pipelined", "the page's server answers a HEAD with a body"
FIRST = ["get", "not-found", "pipelined", "head"]


def costs(**changed: float) -> dict[str, Any]:
    """What an answer costs under each server, in microseconds."""
    usual = {"threaded": 70.0, "select": 34.0, "epoll": 33.0, "asyncio": 41.0, "io_uring": 38.0, "http_server": 143.0}
    found = usual | changed
    many = pd.DataFrame({"server": [*found], "cpu_us_per_request": [*found.values()]})
    return {"many": many, "five": [*usual][:-1]}


def beside(**each: float) -> dict[str, Any]:
    """What an answer costs other people's servers, and ours, in microseconds."""
    rows = [(name, us) for _ in range(3) for name, us in each.items()]
    return {"peers": pd.DataFrame(rows, columns=["server", "cpu_us_per_request"])}


def among_idle(alone: Sequence[float] = (47.0,) * 4, **changed: float) -> dict[str, Any]:
    """What an answer costs among 0 and 5,000 idle clients; alone: in each round, among none; changed: among 5,000."""
    usual = {"select": math.nan, "poll": 250.0, "epoll": 46.0} | changed
    paid = pd.concat(pd.DataFrame({"server": [*usual], 0: us, 5_000: [*usual.values()]}) for us in alone)
    return {"paid": paid, "able": [*usual], "room": {"connections": 5_010}}


def report(*failed: str, not_seen: tuple[str, ...] = ()) -> dict[str, Any]:
    """A report in which these items failed."""
    return {"first": FIRST, "mine": SimpleNamespace(failed=failed, not_seen=not_seen)}


WORLDS = (
    World(
        "the folder is not read",
        "web-site-outside-verdict",
        {INSIDE: False, OUTSIDE: True},
        lambda: {"inside": 404, "refused": [404] * 5},
    ),
    World(
        "a path with a second slash leads out",
        "web-site-outside-verdict",
        {INSIDE: True, OUTSIDE: False},
        lambda: {"inside": 200, "refused": [404, 404, 400, 200, 404]},
    ),
    World(
        "asyncio costs four times as much", "web-five-verdict", {ONE: False, DEAR: True}, lambda: costs(asyncio=140.0)
    ),
    World("http.server costs the same", "web-five-verdict", {ONE: True, DEAR: False}, lambda: costs(http_server=40.0)),
    World("C is as dear as Python", "web-peers-verdict", {LESS: False}, lambda: beside(epoll=30.0, nginx=31.0)),
    World(
        "poll does not look at the silent",
        "web-idle-verdict",
        {POLL: False, EPOLL: True, SELECT: True},
        lambda: among_idle(poll=50.0),
    ),
    World(
        "epoll looks at all of them",
        "web-idle-verdict",
        {POLL: True, EPOLL: False, SELECT: True},
        lambda: among_idle(epoll=240.0),
    ),
    World(
        "select has no limit",
        "web-idle-verdict",
        {POLL: True, EPOLL: True, SELECT: False},
        lambda: among_idle(select=260.0),
    ),
    World(
        "answers are out of order",
        "web-assignment-verdict",
        {PASSES: False, HEAD: True},
        lambda: report("pipelined", "head"),
    ),
    World(
        "nothing could be tried",
        "web-assignment-verdict",
        {PASSES: False, HEAD: False},
        lambda: report("get", not_seen=("not-found", "pipelined", "head")),
    ),
    World("a HEAD has no body", "web-assignment-verdict", {PASSES: True, HEAD: False}, report),
)
