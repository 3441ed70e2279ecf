"""Worlds for 06, epoll: the two lists, the server, and what it does in silence and among many."""

import select
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any, NoReturn

import pandas as pd

from iomux.course.clinic.loop import run
from iomux.servers.connection import Handler, echo
from tests.course.falsifiers.world import World

PAGE = "06_epoll.ipynb"
ALONE = "epoll found eve without being given a list"
AGAIN = "epoll found ann, and eve again, whose bytes still lay there"
ENDED = "the server ended before its first answer"
MANY, ONE = "many clients are served", "one thread serves all of them"
BEFORE = "before the reads three sockets are watched, and some are ready"
AFTER = "after the reads three sockets are watched, and none is ready"
BATCH, ALL, LONG = (
    "one call tells of 1,023",
    "three calls have told of all 3,000",
    "with maxevents=3_000 one call tells of all",
)
NOBODY = "no look after the reads finds anybody"
LONGER = "the first look takes more than 50 times as long as the quickest of the others"
MODIFIES = "the server answers once watch calls modify"
COPES = "the server copes with clients that half-close, read slowly, or break off"
SERVED, THREAD = "all 500 clients were served, and none got a wrong byte", "one thread served all 500 clients"
ASLEEP = "while its clients are silent the server sleeps, and is not woken once"
ON_LIST = "the interest list holds the listener and every client that is connected"
SPAN = "from 1 to 10,000 connections"
LATENCY, CPU = f"{SPAN} epoll's latency grows less than fivefold", f"{SPAN} epoll's CPU grows less than twofold"
POLL_LATENCY, POLL_CPU = (
    f"{SPAN} poll's latency grows more than fivefold",
    f"{SPAN} poll's CPU grows more than fivefold",
)
KEEPS_ASKING, WHOLE_LIST = "the server keeps asking while no client speaks", "each call goes through the whole list"
MEETING = ("7d1496d2", "3ee1f151", "44f4c21b")
"""The cells in which a hundred silent clients come to a server, and leave."""
GROWTH = ("09797498", "grown-doubt")
"""The cells that compare a request among 10,000 connections with one alone."""
Found = dict[str, Any]


def world(
    name: str,
    cell: str,
    no: Iterable[str],
    yes: Iterable[str],
    names: Callable[[], Found],
    before: Sequence[str] = (),
    needs: Sequence[str] = (),
) -> World:
    """A world in which the cell denies some verdicts, and others stay true."""
    answers = dict.fromkeys(no, False) | dict.fromkeys(yes, True)
    return World(name, cell, answers, lambda: {"needs": [], "many": {}, "both": {}} | names(), before, needs)


def told(*sizes: int, at: tuple[int, ...] = (0, 1_023, 2_046)) -> Found:
    """Three thousand are ready: how many each of four calls tells of, and with whom the first three begin."""
    places = zip((*at, 0), sizes, strict=True)
    made = [[(fd % 3_000, select.POLLIN) for fd in range(begin, begin + size)] for begin, size in places]
    return {"counters": range(3_000), "batches": made}


def looked(found: int, *us: float) -> Found:
    """What four looks found after the reads, and how long they took."""
    return {"looks": [(found, us[0]), *((0, each) for each in us[1:])], "counters": []}


def crowd(errors: int = 0, unserved: int = 0, threads: int = 1) -> Found:
    """How five hundred clients were served."""
    counts = {"connections": 500, "requests": 9_000, "errors": errors, "unserved": unserved}
    return {"crowd": SimpleNamespace(**counts), "threads": threads}


def again(answer: bytes, passed: bool) -> Found:
    """What the second server answered, and whether it stood the check."""
    return {"here": False, "answer": answer, "report": SimpleNamespace(passed=passed)}


def silence(doing: str = "sleeping", woken: int = 0, used: float = 0.0, left: tuple[int, int] = (51, 1)) -> Found:
    """What the server did while nobody spoke, and how long its list was when fifty had left, and all."""
    return {"doing": doing, "woken": woken, "used": used, "entries": [1, 101, *left]}


def grown(epoll: tuple[float, float] = (75, 40), poll: tuple[float, float] = (5_000, 4_900)) -> Found:
    """A sweep: the latency and the processor time of a request among 10,000, in µs; alone it is 70 and 35."""
    ends = {"epoll": epoll, "poll": poll}
    rows = [(name, *row, "") for name, end in ends.items() for row in ((1, 70, 35), (10_000, *end)) for _ in range(3)]
    return {"grown": pd.DataFrame(rows, columns=["server", "connections", "p50_us", "cpu_us_per_request", "doubts"])}


class Napping:
    """It sleeps 10 ms, then asks all its sockets: next to no processor time, and yet it keeps asking."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.register, self.modify = self._epoll.register, self._epoll.modify
        self.unregister = self._epoll.unregister

    def poll(self, _: float | None) -> list[tuple[int, int]]:
        """Nap, then ask."""
        time.sleep(0.01)
        return self._epoll.poll(0)


def serve_napping(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve through `Napping`. Never returns."""
    run(listener, handler, poller=Napping())


def napping() -> Found:
    """The page's silent clients meet a server that naps and asks."""
    return {"here": True, "serve": serve_napping} | grown()


def two_lists(before: tuple[int, bool], after: tuple[int, bool]) -> Callable[[], Found]:
    """How many are watched and whether nobody is ready, before the reads and after them."""
    return lambda: {"here": False, "before": before, "after": after}


def scanning() -> Found:
    """Nobody asks in the silence, but each call goes through the whole list."""
    return silence() | grown(epoll=SCANNED)


SCANNED = (70 + 105, 35 + 105)  # a list of 10,000 gone through at 10 ns an entry
BOTH_OF_POLL = (POLL_LATENCY, POLL_CPU)
WORLDS = (
    world("no list, nobody", "c4e1c37b", [ALONE], [AGAIN], lambda: {"found": {"eve": [], "ann": ["ann", "eve"]}}),
    world("only the new", "c4e1c37b", [AGAIN], [ALONE], lambda: {"found": {"eve": ["eve"], "ann": ["ann"]}}),
    world("bytes make nobody ready", "d7ffb63b", [BEFORE], [AFTER], two_lists((3, True), (3, True))),
    world("a read ends the interest", "d7ffb63b", [AFTER], [BEFORE], two_lists((3, False), (1, True))),
    world("a read leaves it ready", "d7ffb63b", [AFTER], [BEFORE], two_lists((3, False), (3, False))),
    world("a call tells of all", "crowd-verdicts", [BATCH], [ALL, LONG], lambda: told(*[3_000] * 4)),
    world("always the same", "crowd-verdicts", [ALL], [BATCH, LONG], lambda: told(*[1_023] * 3, 3_000, at=(0, 0, 0))),
    world("a bound on maxevents", "crowd-verdicts", [LONG], [BATCH, ALL], lambda: told(*[1_023] * 4)),
    world(
        "a read takes off, the first look is cold",
        "crowd-looks-verdict",
        [LONGER],
        [NOBODY],
        lambda: looked(0, 7.0, 2.6, 0.5, 0.6),
    ),
    world("somebody is found", "crowd-looks-verdict", [NOBODY], [LONGER], lambda: looked(7, 300, 0.6, 0.5, 0.6)),
    world("it is an answer", "9ecb8655", [ENDED], [], lambda: {"answer": b"hello", "log": ""}),
    world("it ended of another error", "9ecb8655", [ENDED], [], lambda: {"answer": b"", "log": "ValueError: no"}),
    world("it ends again", "ecd7c26e", [MODIFIES], [COPES], lambda: again(b"", passed=True)),
    world("bytes are lost", "ecd7c26e", [COPES], [MODIFIES], lambda: again(b"hello", passed=False)),
    world("a client gets a wrong byte", "a51ce68d", [SERVED], [THREAD], lambda: crowd(errors=1)),
    world("one is never served", "a51ce68d", [SERVED], [THREAD], lambda: crowd(unserved=1)),
    world("a thread for each", "a51ce68d", [THREAD], [SERVED], lambda: crowd(threads=501)),
    world("one is not served", "claim-06-1", [MANY], [ONE], lambda: crowd(unserved=1)),
    world("a thread each", "claim-06-1", [ONE], [MANY], lambda: crowd(threads=501)),
    world("it naps and asks", "b098433a", [ASLEEP], [ON_LIST], napping, MEETING, ["epoll"]),
    world("it asks without a pause", "b098433a", [ASLEEP], [ON_LIST], lambda: silence("running", 0, 0.29)),
    world("the gone stay on the list", "b098433a", [ON_LIST], [ASLEEP], lambda: silence(left=(101, 101))),
    *(
        world(name, "4d5afdd1", no, {LATENCY, CPU, *BOTH_OF_POLL} - set(no), names, GROWTH)
        for name, no, names in (
            ("epoll goes through its list", [CPU], lambda: grown(epoll=SCANNED)),
            ("epoll's answers wait", [LATENCY], lambda: grown(epoll=(420, 40))),
            ("poll has a remembered list", BOTH_OF_POLL, lambda: grown(poll=(90, 45))),
        )
    ),
    world("it keeps asking", "claim-06-3", [WHOLE_LIST], [KEEPS_ASKING], napping, (*MEETING, *GROWTH), ["epoll"]),
    world("a list gone through", "claim-06-3", [KEEPS_ASKING], [WHOLE_LIST], scanning, GROWTH),
)
