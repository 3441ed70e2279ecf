"""The machine that a figure was measured on, its cores and limits, and the CPU time that a process has used.

A latency means little without its machine, so every result carries `describe()`. CPU time is read from the
process's own CPU clock, which counts nanoseconds (clock_getcpuclockid(3)); the split into user and system
time comes from the scheduler's accounting, whose ticks are coarse (proc_pid_stat(5): 10 ms), so the split of
an interval is scaled to its exact total, as the kernel itself does (kernel/sched/cputime.c, cputime_adjust).

Every server's process imports this file, so imports that only the owner needs are inside functions.
"""

import contextlib
import functools
import os
import resource
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ctypes


WAKING_S = 50e-6
"""How long a core that sleeps may take to be woken, in a virtual machine: until then the woken thread has none."""


class CpuTime(NamedTuple):
    """Seconds of processor time that a process has used so far."""

    user: float
    """Counted in ticks of the scheduler's accounting, often 0.01 s."""
    system: float
    total: float
    """User and system together, exact to the resolution of the process's CPU clock."""

    def since(self, earlier: "CpuTime") -> "CpuTime":
        """The CPU time used after `earlier`: the exact total, split in proportion to the ticks since then."""
        user, system, total = (now - then for now, then in zip(self, earlier, strict=True))
        share = user / (user + system) if user + system > 0 else 0.5
        return CpuTime(total * share, total * (1 - share), total)

    def plus(self, other: "CpuTime") -> "CpuTime":
        """The CPU time of two processes."""
        return CpuTime(*(one + another for one, another in zip(self, other, strict=True)))


def below(pid: int) -> list[int]:
    """A process and all below it, each after its parent."""
    import psutil

    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.Error:
        return [pid]


def cpu_time(pid: int) -> CpuTime:
    """User and system seconds that process `pid` has used. Raises ProcessLookupError when it is gone."""
    import psutil

    try:
        ticks = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess as error:
        raise ProcessLookupError(f"process {pid} is gone") from error
    exact = _cpu_clock_seconds(pid)
    return CpuTime(ticks.user, ticks.system, ticks.user + ticks.system if exact is None else exact)


class Switches(NamedTuple):
    """How often a thread gave up its core to wait, and how often the scheduler took the core from it (getrusage(2))."""

    voluntary: int
    involuntary: int


def waited_for_a_core(pid: int) -> float:
    """Seconds for which a thread could have run and had no core; a process's id is that of its first thread.

    The kernel adds a wait when it is over (/proc/PID/schedstat; Documentation/scheduler/sched-stats). 0 if it does not
    count them, and for a thread that is gone.

    Example:
    >>> import os
    >>> from iomux.system.machine import waited_for_a_core
    >>> waited_for_a_core(os.getpid()) >= 0
    True
    """
    return _waits(pid)[0]


def held_up(pid: int) -> float:
    """The same without what waking a core takes: `WAKING_S` for each time that the thread has got one."""
    waited, times = _waits(pid)
    return waited - WAKING_S * times


def _waits(pid: int) -> tuple[float, int]:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        _, waited, times = map(int, file.read().split())
        return waited / 1e9, times
    return 0.0, 0


def context_switches(pid: int) -> dict[int, Switches]:
    """The context switches of each thread of process `pid` so far, by thread id; empty if the system counts none.

    /proc/PID/status counts the main thread only (proc_pid_status(5)). Raises ProcessLookupError if it is gone.
    """
    import psutil

    try:
        if sys.platform != "linux":  # the sum over all threads
            return {pid: Switches(*psutil.Process(pid).num_ctx_switches())}
        files = {int(thread): f"/proc/{pid}/task/{thread}/status" for thread in os.listdir(f"/proc/{pid}/task")}
    except (psutil.NoSuchProcess, FileNotFoundError) as error:
        raise ProcessLookupError(f"process {pid} is gone") from error
    return {thread: Switches(*counts) for thread, file in files.items() if (counts := _counts(file))}


def _counts(status: str) -> list[int]:
    with contextlib.suppress(OSError), open(status, "rb") as lines:  # a thread may end before it is read
        return [int(line.split()[1]) for line in lines if b"ctxt_switches" in line]
    return []


def switched(before: dict[int, Switches], after: dict[int, Switches]) -> Switches | None:
    """The switches between two readings, of the threads in the second one; None if the system counts none."""
    both = [(now, before.get(thread, Switches(0, 0))) for thread, now in after.items()]
    return Switches(*(sum(now[kind] - then[kind] for now, then in both) for kind in (0, 1))) if both else None


def _cpu_clock_seconds(pid: int) -> float | None:
    import ctypes

    get_clock = getattr(_libc(), "clock_getcpuclockid", None)
    clock = ctypes.c_int()
    if get_clock is None or get_clock(pid, ctypes.byref(clock)) != 0:
        return None
    try:
        return time.clock_gettime(clock.value)
    except OSError:
        return None


@functools.cache
def _libc() -> "ctypes.CDLL":
    import ctypes

    return ctypes.CDLL(None)


def cores() -> list[int]:
    """The cores that this process may run on (sched_getaffinity(2)); all cores where the system can't say."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def pin(core: int | None) -> None:
    """Let this process run on one core only; do nothing if `core` is None or the system can't pin."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


@functools.cache
def processor() -> str:
    """The processor's name from /proc/cpuinfo, or else from Python's platform module."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    import platform

    return platform.processor() or platform.machine()


def describe() -> str:
    """One line for a figure's caption: system, kernel, processor, cores, Python."""
    import platform

    system = f"{platform.system()} {platform.release().split('-')[0]}"
    return f"{system}, {processor()}, {len(cores())} cores, Python {platform.python_version()}"


def limits() -> dict[str, int | None]:
    """Descriptor limits of this process, and the longest backlog; None where the system does not say."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {"descriptors_soft": soft, "descriptors_hard": hard, "backlog_max": _backlog_max()}


def _backlog_max() -> int | None:
    try:
        with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
            return int(file.read())
    except OSError:
        return None
