"""A soak as its own process runs it: one client, a warm-up, the crowd; and what the server holds around them.

The first client is there for the descriptors: with it the server has opened what it opens once. The warm-up is there
for the memory: what an interpreter takes for hundreds of clients it keeps for the next ones. After each, everybody
has left, and the server is given time to notice before it is looked at.
"""

import contextlib
import gc
import signal
import time
from collections.abc import Iterator
from typing import NamedTuple

import psutil

from iomux.harness.soak.crowd import Crowd
from iomux.harness.soak.tally import Tally, Usage

REPORT_SECONDS = 0.25
"""Between two reports to the owner."""
LEAVE_SECONDS = 30.0
"""How long the last clients may take at most, each with an answer before its deadline."""
_STILL_SECONDS = 0.2  # a server whose descriptors have not changed for so long has noticed who left


class SoakPlan(NamedTuple):
    """What to do: the arguments of `iomux.soak`, checked, and where the server is."""

    address: tuple[str, int]
    pid: int
    seconds: float
    warmup: float
    """Seconds, a part of the former."""
    clients: int
    seed: int
    deadline: float


def run(plan: SoakPlan) -> Iterator[Tally]:
    """Soak the server; yield the tally now and then, at last with `done`. SIGINT makes it come to its end."""
    tally = Tally()
    stop = list[int]()
    signal.signal(signal.SIGINT, lambda number, _: stop.append(number))
    crowd = Crowd(plan.address, plan.seed, plan.deadline, tally)
    gc.disable()  # nothing here makes cycles, and a collection of the pool would be a stall of ours
    yield from _phase(crowd, tally, 1, 0.0, stop)
    if used := _usage(plan, None):
        tally.descriptors_before = used.descriptors
    yield from _phase(crowd, tally, plan.clients, plan.warmup, stop)
    if used := _usage(plan, tally.descriptors_before):
        tally.rss_before_bytes = used.rss_bytes
    yield from _phase(crowd, tally, plan.clients, plan.seconds - plan.warmup, stop)
    tally.after = _usage(plan, tally.descriptors_before)
    tally.done = True
    yield tally


def _phase(crowd: Crowd, tally: Tally, clients: int, seconds: float, stop: list[int]) -> Iterator[Tally]:
    """Have so many clients at a time for so many seconds, and one in any case; then all leave."""
    before, began, report = tally.seconds, time.monotonic(), 0.0
    crowd.admit(1)
    while (now := time.monotonic()) - began < seconds and not stop and not tally.enough:
        crowd.admit(clients)
        crowd.round()
        if now >= report:
            report = now + REPORT_SECONDS
            tally.seconds = before + now - began
            crowd.give_up_on_the_silent()
            yield tally
    yield from _leave(crowd, tally)
    tally.seconds = before + time.monotonic() - began


def _leave(crowd: Crowd, tally: Tally) -> Iterator[Tally]:
    """Let everybody do the rest of their errand without a pause."""
    crowd.hurry()
    report, until = 0.0, time.monotonic() + LEAVE_SECONDS
    while len(crowd) and (now := time.monotonic()) < until and not tally.enough:
        crowd.round()
        if now >= report:
            report = now + REPORT_SECONDS
            crowd.give_up_on_the_silent()
            yield tally
    crowd.send_away(LEAVE_SECONDS)


def _held(first: psutil.Process) -> Usage:
    """What a process and all its descendants hold: workers may do the serving. Raises psutil.Error if it is gone."""
    held = [Usage(first.num_fds(), first.memory_info().rss)]
    for process in first.children(recursive=True):
        with contextlib.suppress(psutil.Error):  # a child that ended meanwhile
            held.append(Usage(process.num_fds(), process.memory_info().rss))
    return Usage(sum(one.descriptors for one in held), sum(one.rss_bytes for one in held))


def _usage(plan: SoakPlan, descriptors: int | None) -> Usage | None:
    """What the server holds once it has noticed who left: no more descriptors than so many, if given.

    One that keeps more is looked at when the deadline is over. None where its process can't be asked: it has ended.
    """
    until = time.monotonic() + plan.deadline
    since, last = time.monotonic(), -1
    while True:
        try:
            used = _held(psutil.Process(plan.pid))
        except psutil.Error:
            return None
        now = time.monotonic()
        if used.descriptors != last:
            since, last = now, used.descriptors
        still = now - since >= _STILL_SECONDS
        if now >= until or (still and (descriptors is None or last <= descriptors)):
            return used
        time.sleep(0.02)
