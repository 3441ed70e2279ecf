"""A soak's client process: one client, a warm-up, the crowd, and what the server holds between them.

The first client is for the descriptors: after it the server has opened all that it opens once. The warm-up is for the
memory: an interpreter that has allocated memory for hundreds of clients keeps it for the next ones. After each phase
all clients have left, and the server gets time to notice before its descriptors and memory are read.
"""

import contextlib
import gc
import signal
import time
from collections.abc import Iterator
from typing import NamedTuple

import psutil

from iomux.harness.soak.crowd import Crowd
from iomux.harness.soak.dialogue import DIALOGUES
from iomux.harness.soak.tally import Tally, Usage

REPORT_SECONDS = 0.25
"""Seconds between two reports to the owner."""
LEAVE_SECONDS = 30.0
"""How long the last clients may take to finish, as long as none exceeds its deadline."""
_STILL_SECONDS = 0.2  # a server whose descriptors have not changed for this long has noticed who left


class SoakPlan(NamedTuple):
    """The arguments of `iomux.soak`, checked, and the server's address and PID, None if that is not known."""

    address: tuple[str, int]
    pid: int | None
    seconds: float
    warmup: float
    """Seconds, a part of `seconds`."""
    clients: int
    seed: int
    deadline: float
    speaks: str
    """What the server speaks, by its name in `DIALOGUES`."""


def run(plan: SoakPlan) -> Iterator[Tally]:
    """Soak the server; yield the tally from time to time, the last one with `done`. SIGINT ends the soak early."""
    tally = Tally()
    stop = list[int]()
    signal.signal(signal.SIGINT, lambda number, _: stop.append(number))
    crowd = Crowd(plan.address, DIALOGUES[plan.speaks], plan.seed, plan.deadline, tally)
    gc.disable()  # nothing here makes cycles, and a collection would stall the clients
    yield from _phase(crowd, tally, 1, 0.0, stop)
    if used := _settled_usage(plan, None):
        tally.descriptors_before = used.descriptors
    yield from _phase(crowd, tally, plan.clients, plan.warmup, stop)
    if used := _settled_usage(plan, tally.descriptors_before):
        tally.rss_before_bytes = used.rss_bytes
    yield from _phase(crowd, tally, plan.clients, plan.seconds - plan.warmup, stop)
    tally.after = _settled_usage(plan, tally.descriptors_before)
    tally.done = True
    yield tally


def _phase(crowd: Crowd, tally: Tally, clients: int, seconds: float, stop: list[int]) -> Iterator[Tally]:
    """Run `clients` at a time for `seconds`, and one in any case; then let all leave."""
    before, began, report = tally.seconds, time.monotonic(), 0.0
    crowd.admit(1)
    while (now := time.monotonic()) - began < seconds and not stop and not tally.enough:
        crowd.admit(clients)
        crowd.round()
        if now >= report:
            report = now + REPORT_SECONDS
            tally.seconds = before + now - began
            crowd.drop_the_silent()
            yield tally
    yield from _leave(crowd, tally)
    tally.seconds = before + time.monotonic() - began


def _leave(crowd: Crowd, tally: Tally) -> Iterator[Tally]:
    """Let every client finish its scenario without pauses."""
    crowd.hurry()
    report, until = 0.0, time.monotonic() + LEAVE_SECONDS
    while len(crowd) and (now := time.monotonic()) < until and not tally.enough:
        crowd.round()
        if now >= report:
            report = now + REPORT_SECONDS
            crowd.drop_the_silent()
            yield tally
    crowd.drop_the_rest(LEAVE_SECONDS)


def _usage_of(first: psutil.Process) -> Usage:
    """What a process and all its descendants hold, since workers may serve. Raises psutil.Error if it is gone."""
    held = [Usage(first.num_fds(), first.memory_info().rss)]
    for process in first.children(recursive=True):
        with contextlib.suppress(psutil.Error):  # a child that ended meanwhile
            held.append(Usage(process.num_fds(), process.memory_info().rss))
    return Usage(sum(one.descriptors for one in held), sum(one.rss_bytes for one in held))


def _settled_usage(plan: SoakPlan, descriptors: int | None) -> Usage | None:
    """What the server holds once it has noticed who left: at most `descriptors`, if given.

    If it keeps more, that is read when the deadline is over. None if its process has ended, or is not known.
    """
    if plan.pid is None:
        return None
    until = time.monotonic() + plan.deadline
    since, last = time.monotonic(), -1
    while True:
        try:
            used = _usage_of(psutil.Process(plan.pid))
        except psutil.Error:
            return None
        now = time.monotonic()
        if used.descriptors != last:
            since, last = now, used.descriptors
        still = now - since >= _STILL_SECONDS
        if now >= until or (still and (descriptors is None or last <= descriptors)):
            return used
        time.sleep(0.02)
