"""Worlds for 06, epoll: level, edge and one-shot, the traps, and other people's loops."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pandas as pd

from tests.course.falsifiers.pages.page_06 import PAGE as PAGE
from tests.course.falsifiers.pages.page_06 import Found, world
from tests.course.falsifiers.world import World

LEVEL, EDGE = "level-triggered reports a state", "edge-triggered reports what is new"
ONCE = "one-shot reports once, until it is armed again"
MODES = {LEVEL: "level", EDGE: "edge", ONCE: "one-shot"}
SEEN = {"level": "YY YY YY nn YY", "edge": "Yn nn Yn nn Yn", "one-shot": "Yn nn nn nn Yn"}
TWO_OF_LEVEL = "level-triggered, both threads are told of one client"
TWO_OF_EDGE = "edge-triggered, both threads are told of one client"
ONE_THREAD = "one-shot, one thread is told"
REPEATED = "level-triggered epoll reports the unread bytes again"
SILENT = "edge-triggered epoll is silent although four bytes are unread"
LOUD, QUIET = "all of a thousand reads are from the loud client", "the quiet client is the second to be read"
STALE = "epoll reports the closed number at every call"
STUCK = "the closed number can't be taken off the list"
LAST = "the entry is removed when the duplicate is closed"
SHARED, CIRCLE = "the child's entry stands on its parent's list", "two epoll objects can't watch each other (ELOOP)"
ACCEPTED = "all 20 clients were accepted each time"
FEWER, UNEVEN = (
    "EPOLLEXCLUSIVE takes less than half the wake-ups",
    "EPOLLEXCLUSIVE gives one process nearly all the clients",
)
FEWER_ALSO = "SO_REUSEPORT takes less than half the wake-ups"
EVEN = "SO_REUSEPORT gives no process nearly all the clients"
HERD = (ACCEPTED, FEWER, UNEVEN, FEWER_ALSO, EVEN)
RESET = "some of the forty are reset, and all the others are welcome"
REFUSED = "epoll refuses a regular file, a directory, and /dev/null"
PORTABLE = "the server on selectors copes with clients that half-close, reset, read slowly, or never read"
TEN = "ten clients are ten more entries on an epoll list of"
Four = tuple[int, int, int, int]


def steps(**other: str) -> Found:
    """What each mode reported after each of the five steps, in letters; `other` than it did."""
    marks = {"Y": "notification", "n": "nothing ready"}
    letters = SEEN | {name.replace("_", "-"): said for name, said in other.items()}
    rows = [
        (mode, step, marks[letter])
        for mode, said in letters.items()
        for step, twice in enumerate(said.split(), 1)
        for letter in twice
    ]
    return {"steps": pd.DataFrame(rows, columns=["server", "step", "mark"])}


def told(level: int = 2, edge: int = 2, once: int = 1) -> Found:
    """How many of two threads are told of a client."""
    told_of: dict[int, int] = {}
    flags = SimpleNamespace(EPOLLET=1 << 31, EPOLLONESHOT=1 << 30)
    told_of = {0: level, flags.EPOLLET: edge, flags.EPOLLONESHOT: once}
    return {"here": True, "select": flags, "threads_told": told_of.__getitem__}


def of_a_duplicate(reported: int = 3, taken_off: bool = False, left: tuple[int, int] = (1, 0)) -> Found:
    """How often epoll reported the closed number, whether it could be taken off, and how many entries stayed."""
    found = [[(7, 1)]] * reported + [[]] * (3 - reported)
    names = {"here": False, "number": 7, "select": SimpleNamespace(EPOLLIN=1)}
    return names | {"reported": found, "taken_off": taken_off, "left": list(left)}


def herd(
    plain: Four = (5, 5, 5, 5),
    exclusive: Four = (20, 0, 0, 0),
    each: Four = (7, 4, 4, 5),
    woken: tuple[int, int, int] = (80, 20, 20),
) -> Callable[[], Found]:
    """How many clients each of four processes accepted, and how often all were woken, for each way."""
    ways = zip(("one listener", "EPOLLEXCLUSIVE", "SO_REUSEPORT"), (plain, exclusive, each), woken, strict=True)
    rows = [(way, got, times / 4, got, 0) for way, shares, times in ways for got in shares]
    frame = pd.DataFrame(rows, columns=["way", "accepted", "woken", "returned", "failed_accepts"])
    return lambda: {"here": True, "herd": frame}


def fates(*words: str) -> Found:
    """What forty clients met when a listener was closed, on a machine that does not hand its queue on."""
    there = SimpleNamespace(exists=lambda: False)
    return {"here": True, "one_leaves": lambda: sorted(words), "Path": lambda _: there}


def of_the_herd(name: str, no: str, names: Callable[[], Found]) -> World:
    """A world in which one of the five verdicts on the herd turns."""
    return world(name, "3e44e521", [no], set(HERD) - {no}, names, ["d835ce9e"])


def reads(*order: str) -> Found:
    """Whom each of a thousand reads was from."""
    read: dict[str, Any] = {"here": True, "meet": lambda _: (), "until_eagain": lambda *_: list(order)}
    return read | {"order": list(order)}


def refusing(*paths: str) -> Callable[[], Found]:
    """An epoll that refuses these only."""
    said = "Operation not permitted"
    return lambda: {"here": True, "refusal": lambda path: said if path in paths else ""}


WORLDS = (
    *(
        world(name, "6cd2ed97", [no], set(MODES) - {no}, names)
        for name, no, names in (
            ("level reports once", LEVEL, lambda: steps(level=SEEN["edge"])),
            ("edge repeats what is unread", EDGE, lambda: steps(edge=SEEN["level"])),
            ("edge reports the rest after a read", EDGE, lambda: steps(edge="Yn Yn Yn nn Yn")),
            ("one-shot needs no arming", ONCE, lambda: steps(one_shot=SEEN["edge"])),
            ("one-shot is never armed again", ONCE, lambda: steps(one_shot="Yn nn nn nn nn")),
        )
    ),
    world(
        "level tells one thread", "threads-verdicts", [TWO_OF_LEVEL], [TWO_OF_EDGE, ONE_THREAD], lambda: told(level=1)
    ),
    world("edge tells one thread", "threads-verdicts", [TWO_OF_EDGE], [TWO_OF_LEVEL, ONE_THREAD], lambda: told(edge=1)),
    world("one-shot tells both", "threads-verdicts", [ONE_THREAD], [TWO_OF_LEVEL, TWO_OF_EDGE], lambda: told(once=2)),
    world(
        "level forgets", "9c6dfff2", [REPEATED], [SILENT], lambda: {"level": (True, False, 4), "edge": (True, False, 4)}
    ),
    world(
        "edge repeats", "9c6dfff2", [SILENT], [REPEATED], lambda: {"level": (True, True, 4), "edge": (True, True, 4)}
    ),
    world(
        "nothing is left",
        "9c6dfff2",
        [SILENT],
        [REPEATED],
        lambda: {"level": (True, True, 4), "edge": (True, False, 0)},
    ),
    world("one of a thousand is quiet's", "b0e6e20d", [LOUD], [], lambda: reads(*["loud"] * 999, "quiet")),
    world("quiet has to wait", "9ecb9d3f", [QUIET], [], lambda: reads(*["loud"] * 999, "quiet")),
    world("reported once", "ebeb5bb1", [STALE], [STUCK, LAST], lambda: of_a_duplicate(reported=1)),
    world("it can be taken off", "ebeb5bb1", [STUCK], [STALE, LAST], lambda: of_a_duplicate(taken_off=True)),
    world("removed with the first", "ebeb5bb1", [LAST], [STALE, STUCK], lambda: of_a_duplicate(left=(0, 0))),
    world("never removed", "ebeb5bb1", [LAST], [STALE, STUCK], lambda: of_a_duplicate(left=(1, 1))),
    world("the child has a copy", "inherited-answers", [SHARED], [CIRCLE], lambda: {"found": 0, "why": "ELOOP"}),
    world("a circle is taken", "inherited-answers", [CIRCLE], [SHARED], lambda: {"found": 1, "why": ""}),
    of_the_herd("a client is lost", ACCEPTED, herd(plain=(5, 5, 5, 4))),
    of_the_herd("exclusive wakes all", FEWER, herd(woken=(80, 80, 20))),
    of_the_herd("exclusive takes turns", UNEVEN, herd(exclusive=(5, 5, 5, 5))),
    of_the_herd("each listener wakes all", FEWER_ALSO, herd(woken=(80, 20, 80))),
    of_the_herd("one listener gets all", EVEN, herd(each=(20, 0, 0, 0))),
    world("the queue is handed on", "port-verdicts", [RESET], [], lambda: fates(*["welcome"] * 40)),
    world("all go with it", "port-verdicts", [RESET], [], lambda: fates(*["reset"] * 40)),
    world("some wait for ever", "port-verdicts", [RESET], [], lambda: fates(*["reset"] * 9, *["welcome"] * 30)),
    world("it takes a file", "74791ad4", [REFUSED], [], refusing(".", "/dev/null")),
    world("it takes /dev/null", "74791ad4", [REFUSED], [], refusing(".", "04_select.ipynb")),
    world("one item fails", "selectors-verdict", [PORTABLE], [], lambda: {"portable": SimpleNamespace(passed=False)}),
    *(
        world(name, "33b34569", [f"{TEN} {no}"], [f"{TEN} {yes}"], lambda lists=lists: {"lists": lists})  # type: ignore[misc]
        for name, no, yes, lists in (
            ("asyncio holds twelve pipes", "asyncio", "uvloop", {"asyncio": [12, 12], "uvloop": [4, 14]}),
            ("uvloop holds one for all", "uvloop", "asyncio", {"asyncio": [2, 12], "uvloop": [4, 5]}),
        )
    ),
)
