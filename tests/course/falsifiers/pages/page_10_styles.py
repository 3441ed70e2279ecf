"""Worlds for 10, coroutines: the styles, their steps and their cost, other people's loops, and a call that blocks."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pandas as pd

from tests.course.falsifiers.world import World

PAGE = "10_coroutines.ipynb"
SERVED = "in all three styles the second visitor is served although the first one is silent"
SAME = "all four styles make the same calls in the same order, with refills counted once"
ROOM = "all four styles wait for room in the kernel's buffer"
CALLS, WAITS = "coroutines make the same system calls as callbacks", "coroutines wait where callbacks wait"
ALIKE = "asyncio's server sleeps in the same kernel function as our epoll server"
READY = "asyncio's server waits for readiness before each recv"
TURNS = "under each style half of the requests wait for the processor time of fifty requests, or more"
FRAME = "entering a frame costs less than five times as much as calling a method"
COST = "under {} a request costs less than three times as much as in the hand-written loop"
BY = ("generators", "coroutines", "asyncio with a BufferedProtocol")
EPOLL, POLL, ONLY_FUTEX = {"do_epoll_wait": 1, "futex_wait_queue": 3}, {"do_sys_poll": 1}, {"futex_wait_queue": 4}
OTHERS = "every other loop here waits for its clients in epoll, and nowhere else"
CHEAP = "each framework, in its cheapest form in a fresh process, costs less than three times as much"
IN_EPOLL = "each of the others waits in epoll"
HELD, FREE = "while one coroutine blocks, no tick comes", "while the same call blocks in a thread, the ticks go on"


def styles(**heard: bytes) -> Callable[[], dict[str, Any]]:
    """What the second visitor hears from the three servers."""
    answers = {f"serve_{style}": b"welcome, ada" for style in ("callbacks", "generators", "async")} | heard
    return lambda: answers | {"beside_a_silent_one": lambda answer: answer}


def recorded(**clients: list[str]) -> Callable[[], dict[str, Any]]:
    """The steps of four servers, in order; clients: of one of them, other steps of A or of B."""
    usual = {
        "A": ["accept", "wait for read", "recv", "handler", "send", "wait for read", "recv"],
        "B": ["accept", "wait for read", "recv", "handler", "send", "wait for write", "send", "recv"],
    }
    found = {name: usual for name in ("epoll", "generators", "coroutines")} | {"asyncio": usual | clients}

    def order(_: Any, only: Any = None) -> dict[str, dict[str, list[str]]]:
        return {
            name: {client: [step for step in steps if only is None or step in only] for client, steps in each.items()}
            for name, each in found.items()
        }

    return lambda: {"traced": None, "order": order}


AGAIN = recorded(A=["accept", "wait for read", "recv", "handler", "send", "recv", "wait for read", "recv"])
"""It asks for more at once, in vain, as Tornado and gevent do."""
NO_ROOM = recorded(B=["accept", "wait for read", "recv", "handler", "send", "send", "recv"])


def cost(**times: float) -> Callable[[], dict[str, Any]]:
    """A sweep at a hundred connections, in which a server costs so many times what epoll does."""
    usual = {"epoll": 1.0, "generators": 1.2, "coroutines": 1.2, "asyncio": 1.3, "uvloop": 1.0} | times
    rows = [(name, 100, repeat, 4.0 * many) for name, many in usual.items() for repeat in range(3)]
    names = ["server", "connections", "repeat", "cpu_us_per_request"]
    return lambda: {"prices": pd.DataFrame(rows, columns=names)}


def costs(wrong: str) -> dict[str, bool]:
    return {COST.format(how): wrong not in how for how in BY}


def asleep(of_theirs: dict[str, int]) -> Callable[[], dict[str, Any]]:
    both = {"epoll": EPOLL, "mio": {"do_epoll_wait": 1}, "Go": of_theirs}
    return lambda: {"ours": {"epoll": "epoll"}, "others": {"mio": "a", "Go": "b"}, "asleep": both}


def claimed(asyncio: float, theirs_in_epoll: bool = True) -> Callable[[], dict[str, Any]]:
    return lambda: {
        "price": pd.Series({"epoll": 4.0, "asyncio": 4.0 * asyncio, "uvloop": 4.0}),
        "spent": pd.DataFrame({"epoll": [4.0], "Go": [4.4]}),
        "others": {"Go": "a command"},
        "in_epoll": lambda names: theirs_in_epoll,
        "hidden": lambda: "",
        "folder": SimpleNamespace(cleanup=lambda: None),
    }


def ticks(*gaps: tuple[float, float]) -> list[float]:
    """A tick every 10 ms for 400 ms, but none within the gaps (from, to)."""
    return [at / 100 for at in range(40) if not any(begin < at / 100 < end for begin, end in gaps)]


def pulses(held: list[float], free: list[float]) -> Callable[[], dict[str, Any]]:
    return lambda: {"pulse": {"time.sleep": held, "asyncio.to_thread": free}}


BLOCKED = (0.05, 0.25)
WORLDS = (
    World("one style waits for the silent one", "0fc6f786", {SERVED: False}, styles(serve_async=b"nobody answered")),
    World("one style mixes up its visitors", "0fc6f786", {SERVED: False}, styles(serve_generators=b"no")),
    World("asyncio asks once more for each message", "3670b249", {SAME: False, ROOM: True}, AGAIN),
    World("asyncio never waits for room", "3670b249", {SAME: True, ROOM: False}, NO_ROOM),
    World("asyncio asks once more, claimed", "claim-10-6", {CALLS: False, WAITS: True}, AGAIN, ("3670b249",)),
    World("asyncio never waits, claimed", "claim-10-6", {CALLS: True, WAITS: False}, NO_ROOM, ("3670b249",)),
    World(
        "asyncio sleeps in poll",
        "e641295b",
        {ALIKE: False},
        lambda: {"asleep": {"epoll": "do_epoll_wait", "asyncio": "do_sys_poll"}},
    ),
    World("asyncio receives before it is told", "e641295b-before", {READY: False}, AGAIN),
    World(
        "a core for each client of one server",
        "c10-turns",
        {TURNS: False},
        lambda: {"waited": pd.DataFrame({"turns": {"epoll": 100.0, "generators": 98.0, "asyncio": 4.0}})},
    ),
    World(
        "a frame is copied when it is entered",
        "f1880d2d",
        {FRAME: False},
        lambda: {"nanoseconds": {"a method called": 20.0, "a frame entered": 130.0}},
    ),
    World("generators cost four times as much", "c1f897fb", costs("generators"), cost(generators=4)),
    World("coroutines cost four times as much", "c1f897fb", costs("coroutines"), cost(coroutines=4)),
    World("asyncio costs what its streams cost", "c1f897fb", costs("asyncio"), cost(asyncio=4.7)),
    World("another loop waits in poll", "loops-verdict", {OTHERS: False}, asleep(POLL)),
    World("another loop waits in poll, too", "loops-verdict", {OTHERS: False}, asleep(EPOLL | POLL)),
    World("another loop's threads wait for each other only", "loops-verdict", {OTHERS: False}, asleep(ONLY_FUTEX)),
    World("asyncio at its best costs what streams do", "loops-claim", {CHEAP: False, IN_EPOLL: True}, claimed(4.7)),
    World("one of the others polls", "loops-claim", {CHEAP: True, IN_EPOLL: False}, claimed(1.2, False)),
    World("others run beside a call that blocks", "e25652f9", {HELD: False, FREE: True}, pulses(ticks(), ticks())),
    World(
        "one tick slips in",
        "e25652f9",
        {HELD: False, FREE: True},
        pulses(ticks((0.05, 0.15), (0.15, 0.25)), ticks()),
    ),
    World(
        "the thread keeps Python's lock",
        "e25652f9",
        {HELD: True, FREE: False},
        pulses(ticks((0.04, 0.25)), ticks((0.04, 0.25))),
    ),
)
