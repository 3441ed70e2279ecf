"""The classic benchmark of event loops: bytes passed along a ring of socket pairs, few of them on the way at once.

It follows libevent's test/bench.c (Niels Provos 2003; Davide Libenzi made each reader write on to the next pair).
A run puts one byte into each of `active` pairs, at even distances. The timed part: ask the poller what is readable,
without waiting; read one byte there; while writes are left, write one into the next pair. After `active` + `writes`
bytes the ring is silent. There is no network and no second process, so the time is the poller's, and that of two
system calls for each byte.

Cost of a call: select and poll check all pairs, epoll only the readable ones. `active` pairs are readable at each
call, so a run makes (`active` + `writes`) / `active` calls. Python's epoll objects report at most 1,023 events a call
by default (FD_SETSIZE - 1; the library reference, select), so with more active pairs epoll makes more calls.
"""

import contextlib
import gc
import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from iomux import servers
from iomux.harness.load.generator import perf_ns
from iomux.processes.worker import free_core, run_in_worker
from iomux.servers.connection import READ
from iomux.servers.pollers import make, names
from iomux.servers.readiness import Poller
from iomux.system.limits import LONGEST_SECONDS, check_whole, did_you_mean, too_many, whole_numbers
from iomux.system.machine import describe
from iomux.system.progress import bars, keep_on_interrupt, shown

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = {
    "select": {128: 735, 8192: 4784, 131_072: 125_883},
    "poll": {128: 712, 8192: 4403, 131_072: 113_510},
    "epoll": {128: 775, 8192: 1156, 131_072: 1722},
}
"""Microseconds a run by the number of pairs, the 12th of 25 runs in order of size. libevent's select has sets of any
length. Source: github.com/resetius/coroio, commit cde01d9, bench/libevent_12800H_100_{select,poll,epoll}.txt."""
PUBLISHED_FOR = (100, 1000)
"""The active pairs and the writes for which the figures were published."""
PUBLISHED_BY = "libevent's own program in C on an Intel i7-12800H, Ubuntu 23.04 (github.com/resetius/coroio)"
MOST_PAIRS = 1_000_000
"""The most pairs that can be asked for: each takes some kilobytes of the kernel's memory."""
MOST_WRITES = 10_000_000
MOST_RUNS = 1000
_BYTE = b"e"


def pass_along(
    pollers: Sequence[str] | str = ("select", "poll", "epoll"),
    pairs: Sequence[int] | int = 128,
    active: int = 100,
    writes: int = 1000,
    runs: int = 25,
    progress: bool = True,
) -> "pd.DataFrame":
    """Pass `active` + `writes` bytes along a ring of socket pairs, `runs` times for each poller; one row for each run.

    pollers: from select, poll, epoll. pairs: the number of pairs in the ring, one or several. active: how many bytes
    are on the way at once, at most `pairs`. writes: how often a byte that was read is written on. progress: show a
    bar on standard error. Each poller, at each number of pairs, makes all its runs in one separate process; so what
    else the machine does in that time affects that poller alone.

    Columns: `poller`, `pairs`, `active`, `writes`, `run`, `us` (microseconds, raw), and `reason`: empty, or why
    it could not be run, in a single row without `us`. `.attrs["machine"]` names the machine. An interrupt raises a
    KeyboardInterrupt whose `frame` has the rings that were done, with True in `.attrs["partial"]`.

    Raises LookupError for an unknown poller and ValueError for numbers that make no sense.

    Example:
    >>> frame = iomux.pass_along("poll", pairs=8, active=2, writes=10, runs=3, progress=False)
    >>> bool((frame["us"] > 0).all()), len(frame)
    (True, 3)
    """
    chosen = [pollers] if isinstance(pollers, str) else list(dict.fromkeys(pollers))
    levels = whole_numbers("pairs", pairs)
    _check(chosen, levels, active, writes, runs)
    import pandas as pd  # imported late: wrong arguments and the measured process need not wait for it

    def table(partial: bool) -> "pd.DataFrame":
        frame = pd.DataFrame(rows)
        frame.attrs.update(machine=describe(), partial=partial)
        return frame

    rows: list[dict[str, Any]] = []
    rings = [(level, name) for level in levels for name in chosen]
    done = 0
    with (
        keep_on_interrupt(lambda: f"{done} of {len(rings)} rings were done", lambda: table(True)),
        bars()(rings, unit="ring", disable=not shown(progress), leave=False) as bar,
    ):
        for level, name in bar:
            bar.set_description(f"{name}, {level:,} pairs")
            base = {"poller": name, "pairs": level, "active": active, "writes": writes}
            times, reason = _measure(name, level, active, writes, runs)
            rows += [base | {"run": run, "us": us, "reason": reason} for run, us in enumerate(times)]
            done += 1
    return table(False)


def _check(pollers: Sequence[str], pairs: Sequence[int], active: int, writes: int, runs: int) -> None:
    known = ", ".join(names())
    if unknown := [name for name in pollers if name not in names()]:
        near = did_you_mean(unknown[0], names())
        raise LookupError(f"no poller is called {unknown[0]!r}: {near}choose one of {known}")
    check_whole(active=active, writes=writes, runs=runs)
    least = min(pairs, default=0)
    for wrong, message in (
        (not pollers, f"no poller was named: choose from {known}"),
        (least < 1, f"pairs is {list(pairs)}: give one or more numbers, each at least 1"),
        (not 1 <= active <= least, f"active is {active}: choose from 1 to pairs, which is {least}"),
        (not 0 <= writes <= MOST_WRITES, f"writes is {writes}: choose 0 to {MOST_WRITES:,}"),
        (not 1 <= runs <= MOST_RUNS, f"runs is {runs}: choose 1 to {MOST_RUNS:,}"),
    ):
        if wrong:
            raise ValueError(message)


def _measure(name: str, pairs: int, active: int, writes: int, runs: int) -> tuple[list[float], str]:
    """The times of one poller's runs in microseconds, or one NaN and the reason why there are none."""
    nothing = [float("nan")]
    if reason := servers.get(name).why_not() or why_too_many(pairs):
        return nothing, reason
    work, what = (name, pairs, active, writes, runs), f"{name} with {pairs:,} pairs"
    try:
        times, reason = run_in_worker(_all_runs, *work, core=free_core(None), seconds=LONGEST_SECONDS, what=what)
    except RuntimeError as error:
        return nothing, str(error).strip().splitlines()[-1]
    return times or nothing, reason


def why_too_many(pairs: int) -> str:
    """Why a ring can't have so many pairs here; empty if it can."""
    if pairs > MOST_PAIRS:
        return f"{pairs:,} pairs are too many: choose at most {MOST_PAIRS:,}"
    return too_many(pairs, "pairs", each=2)


def _all_runs(name: str, pairs: int, active: int, writes: int, runs: int) -> tuple[list[float], str]:
    gc.disable()  # a collection would add to a run's time
    try:
        with contextlib.ExitStack() as opened:
            ring = PairRing(make(name)[0], pairs, opened)
            return [ring.run(active, writes) for _ in range(runs)], ""
    except (ValueError, OSError) as error:  # FD_SETSIZE; out of memory, or of descriptors on the whole machine
        return [], str(error)


class PairRing:
    """Socket pairs in a ring, watched by a poller: each byte read from one pair is written into the next."""

    def __init__(self, poller: Poller, pairs: int, opened: contextlib.ExitStack) -> None:
        """Open the pairs; `opened` closes them. Raises ValueError or OSError at a limit of poller or system."""
        self._poller = poller
        ends = [_pair(opened) for _ in range(pairs)]
        self._readers = [reader for reader, _ in ends]
        self._writers = [writer for _, writer in ends]
        self._next = dict(zip(self._readers, self._writers[1:] + self._writers[:1], strict=True))
        for reader in self._readers:
            poller.register(reader, READ)

    def run(self, active: int, writes: int) -> float:
        """Put in `active` bytes, pass them on until `writes` more are written and all are read; return microseconds."""
        for reader in self._readers:
            self._poller.unregister(reader)
            self._poller.register(reader, READ)
        self._poller.poll(0)  # not timed: what a poller defers to its first call; poll objects build an array
        for number in range(active):
            os.write(self._writers[number * (len(self._writers) // active)], _BYTE)
        return self._until_silent(active, writes)

    def _until_silent(self, fired: int, writes: int) -> float:
        poll, read, write, after = self._poller.poll, os.read, os.write, self._next
        count, began = 0, perf_ns()
        while count != fired:
            for fd, _ in poll(0):
                count += len(read(fd, 1))
                if writes:
                    write(after[fd], _BYTE)
                    writes -= 1
                    fired += 1
        return (perf_ns() - began) / 1000


def _pair(opened: contextlib.ExitStack) -> tuple[int, int]:
    """The descriptors of a connected pair: one to read from, one to write to. Neither ever waits."""
    reader, writer = (opened.enter_context(end) for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM))
    for end in (reader, writer):
        end.setblocking(False)  # a full buffer is then an error instead of a deadlock
    return reader.fileno(), writer.fileno()
