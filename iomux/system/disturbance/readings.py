"""One reading of all that can disturb a measurement, and the difference of two: what happened between them.

Only differences mean something: each source counts since the machine, or the group, was started. What a machine does
not tell (macOS has no /proc, a virtual machine no frequency) is left out, and no doubt is made of it.
"""

import os
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from iomux.system.disturbance.cgroups import Throttled, throttled
from iomux.system.disturbance.pressure import waited_s
from iomux.system.disturbance.processors import CoreTime, core_times, frequency_mhz


class Readings(NamedTuple):
    """What the machine shows at one moment."""

    at_s: float
    cores: dict[int, CoreTime]
    waited_s: float | None
    """As `iomux.system.disturbance.pressure.waited_s`."""
    throttled: tuple[Throttled, ...]
    """For each process that was asked about."""
    mhz: dict[int, float]
    """The frequency of each core that was asked about, where the machine tells."""


class Between(NamedTuple):
    """What happened between two readings."""

    seconds: float
    cores: dict[int, CoreTime]
    waited_share: float | None
    """The share of the time in which some task of the machine waited for a core; None if the kernel does not count."""
    throttled: tuple[Throttled, ...]
    mhz: dict[int, tuple[float, float]]
    """The frequency of each core before and after."""


def read(pids: Sequence[int], cores: Iterable[int]) -> Readings:
    """Read everything, about these processes and cores. Cost: some 0.5 ms on two cores."""
    return Readings(
        time.perf_counter(),
        core_times(),
        waited_s(),
        tuple(throttled(pid) for pid in pids),
        {core: mhz for core in cores if (mhz := frequency_mhz(core)) is not None},
    )


def between(before: Readings, after: Readings) -> Between:
    """The difference of two readings of the same processes and cores.

    Example:
    >>> import os
    >>> from iomux.system.disturbance.readings import between, read
    >>> first = read([os.getpid()], [0])
    >>> between(first, read([os.getpid()], [0])).seconds < 10
    True
    """
    seconds = after.at_s - before.at_s
    waited = None
    if before.waited_s is not None and after.waited_s is not None:
        waited = (after.waited_s - before.waited_s) / seconds
    return Between(
        seconds,
        {core: now.since(before.cores[core]) for core, now in after.cores.items() if core in before.cores},
        waited,
        tuple(now.since(then) for now, then in zip(after.throttled, before.throttled, strict=True)),
        {core: (before.mhz[core], mhz) for core, mhz in after.mhz.items() if core in before.mhz},
    )


def only_core(pid: int) -> int | None:
    """The core that a process is pinned to; None if it may run on several, is gone, or the system can't say."""
    try:
        allowed = os.sched_getaffinity(pid) if hasattr(os, "sched_getaffinity") else ()
    except OSError:
        return None
    return next(iter(allowed)) if len(allowed) == 1 else None
