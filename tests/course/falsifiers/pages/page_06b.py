"""Worlds for 06b, more than one core: who gets a client, what it costs, and who pays for many."""

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pandas as pd

from tests.course.falsifiers.world import World

PAGE = "06b_more_than_one_core.ipynb"
ALL = "all hundred stand in a queue before anybody accepts"
BOTH = "each of the two queues has more than ten of them"
HASH = "slow clients: by hash, each worker gets more than ten"
SAME = "slow clients: where one is woken, it is the same one for more than ninety"
TWICE = "two workers by hash do more than 1.4 times the work of one"
FULL = "two workers of whom one has nearly all connections do less than 1.4 times the work of one"
LATE = "while one is stuck, by hash more than four of forty are kept waiting"
NOBODY_LATE = "while one is stuck, with one listener nobody is kept waiting"
RESET = "ending the stuck worker resets more than four of those in its queue"
NOBODY_RESET = "ending the stuck worker resets nobody where both share one listener"
THREADS = "sixteen threads that compute in Python do less than 1.4 times the work of one worker"
ACCEPTED = "every connection was accepted, and none was lost"
AMONG = "the one active among the most waits less than three times as long as alone, at the median"
KERNEL = "the kernel has more than twice as much of a connection's memory as the processes"

Names = Callable[[], dict[str, Any]]


def queued(first: int, second: int) -> Names:
    return lambda: {"queues": [first, second]}


def got(by_hash: int = 48, woken: int = 100) -> Names:
    """How many slow clients the other worker gets by hash, and the busier one where one is woken."""
    counts = {("one_by_one", "by hash"): [100 - by_hash, by_hash], ("one_by_one", "one is woken"): [woken, 100 - woken]}
    return lambda: {"got": counts, "tired": [False] * 600}


def worked(by_hash: float = 4_300, woken: float = 2_300, threads: float = 2_200, apart: float = 4_500) -> Names:
    """Requests a second of each case, in three rounds; one worker does 2,300."""
    cases = {"one worker": 2_300, "two servers apart": apart, "two, by hash": by_hash, "two, one is woken": woken}
    cases |= {"a thread for each client": threads}
    rows = [(name, number, per_s, 16) for name, per_s in cases.items() for number in range(3)]
    frame = pd.DataFrame(rows, columns=["server", "round", "per_s", "most"])
    return lambda: {"work": frame, "rate": frame.pivot_table("per_s", "round", "server")}


def met(late: int = 20, late_shared: int = 0, lost: int = 20, lost_shared: int = 0) -> Names:
    """Of forty newcomers, how many are kept waiting or lost, by hash and with one listener."""
    outcomes = {
        ("by hash", "is stuck"): Counter({"kept waiting": late}),
        ("one listener", "is stuck"): Counter({"kept waiting": late_shared}),
        ("by hash", "is ended"): Counter({"lost": lost}),
        ("one listener", "is ended"): Counter({"lost": lost_shared}),
    }
    return lambda: {"met": outcomes}


def crowds(accepted: int = 100_000, errors: int = 0, among_us: float = 10.0, kernel: float = 8_000.0) -> Names:
    """One crowd of 100,000; kernel: bytes a connection in its caches, beside 1,500 of the processes."""
    one = SimpleNamespace(
        accepted=accepted,
        room=SimpleNamespace(connections=100_000),
        result=SimpleNamespace(errors={"reset": errors} if errors else {}, p50_us=among_us, disturbed=False),
        alone=SimpleNamespace(p50_us=9.0, disturbed=False),
        shares={"TCP": kernel, "AnonPages": 1_500.0},
    )
    return lambda: {"crowds": [one], "last": one, "disturbed": ""}


DOUBT, PAYS = ("cores-work-doubt",), ("cores-pays",)
ENDED = {RESET: True, NOBODY_RESET: True}
WORLDS = (
    World("some wait in neither queue", "cores-queues-verdict", {ALL: False, BOTH: True}, queued(40, 50)),
    World("the first listener has all", "cores-queues-verdict", {ALL: True, BOTH: False}, queued(100, 0)),
    World("the hash is always the same", "cores-shares-verdict", {HASH: False, SAME: True}, got(by_hash=0)),
    World("sleepers take turns", "cores-shares-verdict", {HASH: True, SAME: False}, got(woken=50)),
    World("two do the work of one", "cores-work-verdict", {TWICE: False}, worked(by_hash=2_400), DOUBT),
    World("the sleeper helps", "cores-full-verdict", {FULL: False}, worked(woken=4_300), DOUBT),
    World("nobody waits for the stuck", "cores-stuck-verdict", {LATE: False, NOBODY_LATE: True}, met(late=0)),
    World("all wait for the stuck", "cores-stuck-verdict", {LATE: True, NOBODY_LATE: False}, met(late_shared=9)),
    World("a queue outlives its listener", "cores-ended-verdict", {NOBODY_RESET: True, RESET: False}, met(lost=0)),
    World("the shared queue is lost, too", "cores-ended-verdict", ENDED | {NOBODY_RESET: False}, met(lost_shared=9)),
    World("threads use both cores", "cores-threads-verdict", {THREADS: False}, worked(threads=4_300)),
    World("some were not accepted", "cores-crowds-verdict", {ACCEPTED: False, AMONG: True}, crowds(accepted=99_999)),
    World("one was lost", "cores-crowds-verdict", {ACCEPTED: False}, crowds(errors=1)),
    World("the silent are looked at", "cores-crowds-verdict", {AMONG: False}, crowds(among_us=5_000)),
    World("a socket is small", "cores-pays-verdict", {KERNEL: False}, crowds(kernel=2_000), PAYS),
)
