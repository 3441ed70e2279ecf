"""What a server does when it has nothing to do, as /proc shows it: do bytes still move, and how often does it wake?

A server at rest sleeps in the kernel: no byte moves in its sockets' queues, and its threads are hardly ever switched
to. One that spins uses a core, or waits for one; one that polls with pauses wakes hundreds of times a second. Both
are counted, not timed: on a busy machine a sleeper that wakes now and then waits long for a core each time, and must
not be taken for a spinner. Reading these files costs the reader some milliseconds, the server nothing.

Sources: proc_pid_status(5) (voluntary_ctxt_switches), Documentation/scheduler/sched-stats.rst.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from iomux.system.machine import cpu_time, waited_for_a_core
from iomux.system.sock_diag.at_port import listening_at, sockets_at

Pids = Callable[[], list[int]]
"""The server's processes at this moment."""
_QUIET_SECONDS, _QUIET_ALTHOUGH_RUNNING = 0.12, 0.6  # a spinner always runs, whether bytes move or not
_LOOK_SECONDS = 0.03
_LIMIT_SECONDS = 20.0
_WINDOW_SECONDS, _WINDOWS, _MOST_WINDOWS = 0.3, 3, 6
_BUSY_SHARE = 0.2
"""The share of a core above which a server counts as busy: asleep it uses none, spinning all that it can get."""
_STARVED_SHARE = 0.5
_WORK_SECONDS = 1e-3  # a wake-up with nothing to do is over much sooner
_MOST_WAKE_UPS = 120.0
"""Wake-ups of one thread a second. A timer fires some ten times a second; 10 ms is the pause of old polls."""


@dataclass(frozen=True)
class Use:
    """What the server did in a window of time, in which no byte of its clients moved."""

    share: float
    """Of a core: used, or waited for."""
    spins: bool
    """Whether it used it without a pause, not by waking up often."""
    undecided: bool
    """Whether it waited for a core most of this time, so that nothing can be said."""
    wake_ups: float
    """Wake-ups a second of the thread that woke most often, without the time in which it waited for a core."""


def waiting(port: int) -> int:
    """How many complete connections wait to be accepted at this port."""
    return sum(one.unread for one in listening_at(port))


def listeners(port: int) -> int:
    """How many sockets listen at this port: with SO_REUSEPORT each worker may have its own."""
    return len(listening_at(port))


def accepted(port: int, patience: float) -> bool:
    """Wait until none waits to be accepted; False if their number stayed the same for `patience` seconds."""
    since, last = time.monotonic(), waiting(port)
    while last and time.monotonic() < since + patience:
        time.sleep(_LOOK_SECONDS)
        if (now := waiting(port)) != last:
            since, last = time.monotonic(), now
    return not last


def settle(port: int, pids: Pids) -> bool:
    """Wait until nothing moves any more; False if bytes were still moving after many seconds."""
    began = since = time.monotonic()
    last = set(sockets_at(port))
    while time.monotonic() < began + _LIMIT_SECONDS:
        time.sleep(_LOOK_SECONDS)
        if (now := set(sockets_at(port))) != last:
            last, since = now, time.monotonic()
        quiet = time.monotonic() - since
        if quiet >= _QUIET_ALTHOUGH_RUNNING or (quiet >= _QUIET_SECONDS and not any_runs(pids())):
            return True
    return False


def any_runs(pids: Iterable[int]) -> bool:
    """Whether a thread runs or waits for a core (state R, proc_pid_stat(5))."""
    return "R" in _states(pids)


def all_asleep(pids: Iterable[int]) -> bool:
    """Whether each thread sleeps (state S): one that was woken, and waits for a core, does not."""
    return set(_states(pids)) == {"S"}


def _states(pids: Iterable[int]) -> Iterator[str]:
    for pid in pids:
        for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
            with contextlib.suppress(OSError, IndexError):  # it has just ended
                yield stat.read_text().rpartition(")")[2].split()[0]


def at_rest(port: int, pids: Pids, enough: Callable[[Use], bool]) -> Use | None:
    """What the server does at rest: the least of three windows that tell; `enough` ends it. None: never at rest.

    Windows in which it hardly got a core tell nothing, and are repeated; if no window tells, the last one is returned.
    If such windows stand beside others in which it seems to spin, the answer is undecided: work looks so, too.
    """
    until, found, looked = time.monotonic() + _LIMIT_SECONDS, list[Use](), list[Use]()
    while len(found) < _WINDOWS and len(looked) < _MOST_WINDOWS and time.monotonic() < until:
        if not settle(port, pids):
            break
        if (use := _window(port, pids)) is None:
            continue  # it was still at work
        looked.append(use)
        if not use.undecided:
            found.append(use)
        if enough(use):
            return use
    if not found:
        return looked[-1] if looked else None
    least = min(found, key=lambda use: (use.spins, use.wake_ups))
    if least.spins and any(use.undecided for use in looked):
        return replace(least, spins=False, undecided=True)
    return least


def _window(port: int, pids: Pids) -> Use | None:
    """What it does for a moment; None if bytes moved meanwhile."""
    before, threads, used, began = set(sockets_at(port)), _threads(pids()), _cpu_seconds(pids()), time.monotonic()
    time.sleep(_WINDOW_SECONDS)
    runs, used, window = any_runs(pids()), _cpu_seconds(pids()) - used, time.monotonic() - began
    use = _use(threads, _threads(pids()), used, window)
    if runs and not use.spins:  # the kernel counts a wait for a core when it is over: it may have lasted all the time
        use = replace(use, undecided=True)
    return use if set(sockets_at(port)) == before else None


def nearly_asleep(use: Use) -> bool:
    """Whether there is no need to look longer."""
    return not use.spins and not use.undecided and use.wake_ups < _MOST_WAKE_UPS / 2


def wakes_often(use: Use) -> bool:
    """Whether it wakes again and again although nothing happens."""
    return use.wake_ups > _MOST_WAKE_UPS


def _use(before: dict[str, tuple[float, int]], after: dict[str, tuple[float, int]], used: float, window: float) -> Use:
    waited = switches = 0.0
    most = 0.0
    for thread, (now_waited, now_switches) in after.items():
        then_waited, then_switches = before.get(thread, (0.0, 0))
        alone, woken = now_waited - then_waited, now_switches - then_switches
        waited, switches = waited + alone, switches + woken
        most = max(most, woken / max(window - alone, window / 10))
    without_a_pause = used / (switches + 1) > _WORK_SECONDS
    starved = waited / window > _STARVED_SHARE
    restless = starved and most > _MOST_WAKE_UPS  # threads that spin, and take a lock from each other
    spins = used / window > _BUSY_SHARE or ((used + waited) / window > _BUSY_SHARE and without_a_pause) or restless
    return Use((used + waited) / window, spins, starved and not spins, most)


def _threads(pids: Iterable[int]) -> dict[str, tuple[float, int]]:
    """Of each thread: seconds in which it was ready to run and no core was free, and how often it went to sleep."""
    found = {}
    for thread, count in naps(pids).items():
        with contextlib.suppress(OSError):  # it has just ended
            found[thread] = (waited_for_a_core(int(thread)), count)
    return found


def naps(pids: Iterable[int]) -> dict[str, int]:
    """How often each thread has gone to sleep so far, by its number."""
    found = {}
    for pid in pids:
        for status in Path(f"/proc/{pid}/task").glob("*/status"):
            with contextlib.suppress(OSError, StopIteration):  # it has just ended
                lines = status.read_text().splitlines()
                found[status.parent.name] = next(int(line.split()[1]) for line in lines if line.startswith("voluntary"))
    return found


def _cpu_seconds(pids: Iterable[int]) -> float:
    total = 0.0
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, psutil.Error):  # a child process may have ended meanwhile
            total += cpu_time(pid).total
    return total
