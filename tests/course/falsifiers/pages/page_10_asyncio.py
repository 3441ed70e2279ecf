"""Worlds for 10, coroutines: what malloc does for asyncio, debug mode, and who waits for a slow reader."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

import pandas as pd

from tests.course.falsifiers.world import World, sources

PAGE = "10_coroutines.ipynb"
FAULT = "in a fresh process asyncio's plain Protocol costs a page fault or more for each request"
SPARED = "in a process that has freed 1 MiB the plain Protocol costs no page fault"
LEFT = "a client that leaves cures the process: from then on a request costs no page fault"
MAPPED = "for 200 requests a fresh process maps and unmaps memory more than 300 times"
KEPT = "where 1 MiB was freed, or a client has left, 200 requests map and unmap less than 50 times"
HALF = "fresh, the plain Protocol costs half as much again as the buffer lent, or more"
GONE = "{}: more than half of the difference between the two is gone"
FREED, TOLD = GONE.format("1 MiB freed"), GONE.format("malloc told")
QUIET = "without debug mode nothing is said of the coroutine that blocks"
NAMED = "debug mode names the coroutine that blocks, and how long its step took"
ALL = "without drain the server hands over all 64 MiB to a client that reads nothing"
CANCELLED = "with drain it has handed over less than half when the timeout cancels it"
STATES = ("fresh", "1 MiB freed", "another client has left")
SLOW = "Executing <Task finished coro=<blocks() done>> took 0.200 seconds"


def faults(state: str, **others: float) -> Callable[[], dict[str, Any]]:
    """Page faults for each request; others: by interface, those that differ in this state."""
    touched = {each: dict.fromkeys(("Protocol", "streams"), 2.0 if each == "fresh" else 0.0) for each in STATES}
    touched[state] |= others
    return lambda: {"touched": touched, "other_malloc": lambda: ""}


def counted(fresh: int = 200, freed: int = 0, left: int = 0) -> Callable[[], dict[str, Any]]:
    """How often memory is mapped, in each state."""
    echo = {"recvfrom": 200, "sendto": 200, "epoll_wait": 199}
    calls = {
        state: echo | ({"mmap": many, "mremap": many, "munmap": many} if many else {})
        for state, many in zip(STATES, (fresh, freed, left), strict=True)
    }
    return lambda: {"calls": calls, "no_strace": "", "other_malloc": lambda: ""}


def cured(plain: float = 18.0, freed: float = 5.0, told: float = 5.0) -> Callable[[], dict[str, Any]]:
    """Microseconds for each request: of the plain Protocol, and after each cure."""
    costs = {"asyncio Protocol": plain, "asyncio BufferedProtocol": 5.2}
    costs |= {"asyncio Protocol, 1 MiB freed": freed, "asyncio Protocol, malloc told": told}
    return lambda: {"cured": pd.DataFrame([costs] * 3), "other_malloc": lambda: ""}


def handed(without: bool, within: bool) -> Callable[[], dict[str, Any]]:
    """What the page's own server hands over; whether it really awaits `drain` where it is said not to, and to."""

    def run() -> dict[str, Any]:
        space: dict[str, Any] = {"asyncio": asyncio, "contextlib": contextlib, "socket": socket}
        for cell in ("c10-shovel", "c10-bounded", "c10-deaf"):
            exec(sources(PAGE)[cell], space)
        serve = space["to_a_deaf_client"]
        return {"handed": {"without": asyncio.run(serve(without)), "with": asyncio.run(serve(within))}}

    return run


WORLDS = (
    World(
        "asyncio reads into memory that it keeps",
        "c10-faults-verdicts",
        {FAULT: False, SPARED: True},
        faults("fresh", Protocol=0.0),
    ),
    World(
        "what was freed before makes no difference",
        "c10-faults-verdicts",
        {FAULT: True, SPARED: False},
        faults("1 MiB freed", Protocol=2.0),
    ),
    World(
        "a client that leaves cures the Protocol, and streams not",
        "c10-left-verdicts",
        {LEFT: False},
        faults("another client has left", streams=2.0),
    ),
    World("the time goes elsewhere", "c10-strace-verdicts", {MAPPED: False, KEPT: True}, counted(fresh=0)),
    World("a freed block makes no difference", "c10-strace-verdicts", {MAPPED: True, KEPT: False}, counted(freed=200)),
    World("one who leaves makes no difference", "c10-strace-verdicts", {MAPPED: True, KEPT: False}, counted(left=200)),
    World("both interfaces cost the same", "c10-forms-verdicts", {HALF: False}, cured(plain=5.4)),
    World(
        "a freed block saves a tenth",
        "c10-forms-verdicts",
        {HALF: True, FREED: False, TOLD: True},
        cured(freed=16.7),
    ),
    World("malloc does not listen", "c10-forms-verdicts", {HALF: True, FREED: True, TOLD: False}, cured(told=18.0)),
    World(
        "the loop always tells of slow steps",
        "c10-debug-verdicts",
        {QUIET: False, NAMED: True},
        lambda: {"said": {False: [SLOW], True: [SLOW]}},
    ),
    World(
        "debug mode looks for something else",
        "c10-debug-verdicts",
        {QUIET: True, NAMED: False},
        lambda: {"said": {False: [], True: ["coroutine 'blocks()' was never awaited"]}},
    ),
    World("write itself waits", "c10-deaf-verdicts", {ALL: False, CANCELLED: True}, handed(True, True)),
    World("drain does not wait", "c10-deaf-verdicts", {ALL: True, CANCELLED: False}, handed(False, False)),
)
