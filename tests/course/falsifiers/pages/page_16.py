"""Worlds for 16, a wire between them: a wire that costs nothing, a TCP of other rules, peers that are told."""

import math
from functools import partial
from typing import Any

import pandas as pd

from tests.course.falsifiers.world import World

PAGE = "16_a_wire_between_them.ipynb"
KEPT, NEW = "a request on a kept connection takes one round trip", "a request on a new connection takes two round trips"
FIRST, WARM = (
    "on a new connection a mebibyte takes more than four round trips",
    "on a warm connection a mebibyte takes less than half as long as on a new one",
)
OPENS = "the window begins with ten packets or so, and grows more than eightfold"
TWO, HURRIED = (
    "two small writes take far longer than one",
    "with TCP_NODELAY two small writes take about as long as one",
)
AGAIN, SYN = "a lost request costs 200 ms at least, and less than a lost SYN", "a lost SYN costs a second"
BEHIND, MISSING = "over TCP the next two waited with the lost one", "over UDP the lost one never came"
NOBODY = "over UDP no other message waited for the lost one"
LONGER = "with 1 % of loss the mebibyte takes half as long again, or longer"
SMALL = "64 KiB make a mebibyte take six round trips or more"
LARGER = "a larger buffer makes it faster, and the kernel's own choice faster still"
BLOAT = "behind the long queue an update takes more than three times as long as behind the short one"
NEAR = "to a client 20 ms away select answers nearly as soon as epoll"
DEAR = "20 ms away, too, select costs the server over twice the processor time of epoll"
PROMPT = "a killed process is announced within half a second"
SILENT = "of a host that is gone we are told nothing: both connections are still ESTABLISHED"
ASKS = "keepalive finds out in some four seconds"
BOTH = "TCP_USER_TIMEOUT and the loop's timer find out in some two"
FIVE, SIXTH = "listen(4) lets five in", "the sixth gets no answer"
COUNTED = "the host has counted that"
LATER = "the seventh comes in with its second SYN, although there was room before"
WIRED = {"wired": ["network"]}


def took(table: str, **each: float) -> dict[str, Any]:
    """A table of one time for each kind of step."""
    rows = [(what.replace("_", " "), ms) for what, ms in each.items()]
    return {table: pd.DataFrame(rows, columns=["what", "ms"])} | WIRED


def mebibytes(first: float, second: float, most: int = 600) -> dict[str, Any]:
    names = ["the first mebibyte", "the second"]
    windows = pd.DataFrame({"what": names[:1] * 2, "run": 0, "ms": [20.0, first], "window": [10, most]})
    return {"took": pd.DataFrame({"what": names, "ms": [first, second]}), "mebibytes": windows} | WIRED


def twelve(behind: float = 60.0, lost: bool = True, udp: float = 20.0) -> dict[str, Any]:
    tcp = [("TCP", number, behind if 3 <= number < 8 else 20.0) for number in range(12)]
    rows = [*tcp, *(("UDP", number, math.nan if lost and number == 3 else udp) for number in range(12))]
    return {"middle": pd.DataFrame(rows, columns=["what", "message", "ms"])} | WIRED


def bloat(short: float, long: float) -> dict[str, Any]:
    rows = [("queue of 16 KiB", 2.0, short), ("queue of 1 MiB", 2.0, long)]
    return {"bloat": pd.DataFrame(rows, columns=["what", "s", "ms"])} | WIRED


def crowd(select_ms: float, select_us: float) -> dict[str, Any]:
    rows = [("select", select_ms, select_us), ("epoll", 20.4, 75.0)]
    return {"crowd": pd.DataFrame(rows, columns=["server", "p50_ms", "cpu_us"])}


def gone(
    killed: float = 0.02,
    waits: float | None = None,
    keepalive: float = 4.0,
    limit: float = 2.5,
    state: int = 1,
) -> dict[str, Any]:
    names = ["we wait", "we write", "asks", "limits", "loop"]
    table = pd.DataFrame({"what": names, "s": [waits, None, keepalive, limit, 2.0], "state": [1, state, 7, 7, 1]})
    said = dict(zip(("WAITS", "WRITES", "ASKS", "LIMITS", "LOOP"), names, strict=True))
    return {"killed": pd.DataFrame({"s": [killed]}), "gone": table.astype({"s": float})} | said | WIRED


def queue(fifth: float | None = 40.0, sixth: float | None = None, last: float = 1_070.0, count: int = 1) -> Any:
    times = [40.0] * 4 + [fifth, sixth, last]
    return {"queue": pd.DataFrame({"ms": times, "overflows": count}).astype({"ms": float})} | WIRED


trips, writes = partial(took, "trips"), partial(took, "writes")
lost, buffers = partial(took, "lost"), partial(took, "buffers")
TRIPS, SLOW, LINE, GONE, QUEUE = (f"wire-{part}-verdicts" for part in ("trip", "slow", "line", "gone", "queue"))
NAGLE, LOSS, BUFFER, CROWD = (f"wire-{part}-verdicts" for part in ("nagle", "loss", "buffer", "crowd"))

WORLDS = (
    World(
        "the wire is a loopback",
        TRIPS,
        {KEPT: False, NEW: False},
        lambda: trips(a_kept_connection=0.1, a_new_connection=0.2),
    ),
    World(
        "a SYN carries the request",
        TRIPS,
        {KEPT: True, NEW: False},
        lambda: trips(a_kept_connection=40.3, a_new_connection=41.0),
    ),
    World(
        "a handshake takes two",
        TRIPS,
        {KEPT: True, NEW: False},
        lambda: trips(a_kept_connection=40.3, a_new_connection=121.0),
    ),
    World(
        "all is sent at once",
        SLOW,
        {FIRST: False, WARM: False, OPENS: False},
        lambda: mebibytes(46, 45, most=20),
    ),
    World("a window is forgotten", SLOW, {FIRST: True, WARM: False, OPENS: True}, lambda: mebibytes(283, 281)),
    World(
        "nobody holds anything back",
        NAGLE,
        {TWO: False, HURRIED: True},
        lambda: writes(two_writes=41, the_same=41, one_write=41),
    ),
    World(
        "the option does nothing",
        NAGLE,
        {TWO: True, HURRIED: False},
        lambda: writes(two_writes=127, the_same=126, one_write=41),
    ),
    World(
        "the hosts find out by themselves",
        LOSS,
        {AGAIN: False, SYN: False},
        lambda: lost(nothing=41, request=81, syn=122),
    ),
    World("a SYN is as any packet", LOSS, {AGAIN: True, SYN: False}, lambda: lost(nothing=41, request=290, syn=331)),
    World("a stream has no order", LINE, {BEHIND: False, MISSING: True}, lambda: twelve(behind=20.0)),
    World("nothing is lost", LINE, {BEHIND: False, MISSING: False}, lambda: twelve(behind=20.0, lost=False)),
    World(
        "datagrams keep their order, too", LINE, {BEHIND: True, MISSING: True, NOBODY: False}, lambda: twelve(udp=60.0)
    ),
    World(
        "a loss costs its share",
        "wire-percent-verdict",
        {LONGER: False},
        lambda: took("percent", none_is_lost=283, some_are_lost=290),
    ),
    World(
        "what is under way needs no room",
        BUFFER,
        {SMALL: False, LARGER: False},
        lambda: buffers(small=46, middle=46, free=45),
    ),
    World(
        "the kernel leaves it small",
        BUFFER,
        {SMALL: True, LARGER: False},
        lambda: buffers(small=541, middle=190, free=541),
    ),
    World("a queue delays nothing", "wire-bloat-verdicts", {BLOAT: False}, lambda: bloat(30, 31)),
    World("the short one is as bad", "wire-bloat-verdicts", {BLOAT: False}, lambda: bloat(700, 850)),
    World("the list takes as long as the wire", CROWD, {NEAR: False, DEAR: True}, lambda: crowd(41, 800)),
    World("the list costs nothing", CROWD, {NEAR: True, DEAR: False}, lambda: crowd(20.5, 80)),
    World("a killed process cannot say so", GONE, {PROMPT: False, SILENT: True}, lambda: gone(killed=2.0)),
    World("the cut is announced", GONE, {PROMPT: True, SILENT: False, ASKS: True}, lambda: gone(waits=0.02)),
    World("who writes is told", GONE, {SILENT: False, BOTH: True}, lambda: gone(state=7)),
    World("keepalive asks after two hours", GONE, {ASKS: False, BOTH: True}, lambda: gone(keepalive=float("nan"))),
    World("the limit is not kept", GONE, {ASKS: True, BOTH: False}, lambda: gone(limit=float("nan"))),
    World("four are four", QUEUE, {FIVE: False, SIXTH: True, LATER: True}, lambda: queue(fifth=None)),
    World(
        "it is refused at once",
        QUEUE,
        {FIVE: True, SIXTH: False, COUNTED: False},
        lambda: queue(sixth=40.0, count=0),
    ),
    World("its SYN was kept", QUEUE, {SIXTH: True, COUNTED: True, LATER: False}, lambda: queue(last=340.0)),
)
