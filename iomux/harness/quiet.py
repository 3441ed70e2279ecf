"""How quiet this machine is now, and what that does to figures: stolen time, late timers, slow wake-ups.

A request of a single client wakes the server once and the client once, so its latency is two wake-ups at least, and
the slowest of them are in every 99th percentile. Two processes on different cores, as server and load generator are,
measure it: one sleeps for a millisecond, notes how late it woke, and then sends a byte to the other and back, ten times
without a pause, as under load; each sleeps in `recv` until the other has sent. Meanwhile the machine is read
(`iomux.system.disturbance`). Cost: the seconds asked for, and some 20 % of two cores.
"""

import os
import socket
import time
from array import array
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from iomux.processes.worker import run_in_worker
from iomux.system.disturbance.readings import Between, between, read
from iomux.system.machine import cores, pin
from iomux.system.units import duration

SECONDS = 2.0
"""How long `iomux doctor` measures."""
_SLEEP_S = 0.001
_ROUND_TRIPS = 10
_MANY = 0.05  # the share of a core from which on others are told
_STOLEN, _WAITED = 0.005, 0.3
_SLOW_US = 200.0  # a 99th percentile of wake-ups above it is no quiet machine's


@dataclass(frozen=True)
class Quiet:
    """What was measured: shares of one core's time, and microseconds. Made by `how_quiet`.

    Example:
    >>> from iomux.harness.quiet import how_quiet
    >>> how_quiet(seconds=0.1).stolen_share < 1
    True
    """

    seconds: float
    """How long it took."""
    stolen_share: float
    """The time that the hypervisor took from the core that lost most."""
    others_share: float
    """What other programs used of the core that they used most."""
    waited_share: float | None
    """The share of the time in which some task waited for a core (PSI); None if the kernel does not count."""
    throttled_s: float
    """How long a quota kept the measuring process from running."""
    timer_slack_us: float | None
    """By how much the kernel may delay this process's timers to combine them (PR_SET_TIMERSLACK, prctl(2))."""
    late_p50_us: float
    """How late a sleep of a millisecond ended, in the median."""
    late_p99_us: float
    """The same for 99 %."""
    wake_p50_us: float
    """Half a round trip between two processes: a `send`, a wake-up and a `recv`, in the median."""
    wake_p99_us: float
    """The same for 99 %."""

    def sentences(self) -> tuple[str, ...]:
        """What that does to figures, a sentence each; the last one says if a run can be trusted here, now."""
        return (*self._always(), *(disturbed := self._disturbed()), _SUM[bool(disturbed)])

    def _always(self) -> tuple[str, str]:
        slack = f"; the timers' slack is {self.timer_slack_us:g} µs of it (prctl(2))" if self.timer_slack_us else ""
        return (
            f"a wake-up takes {duration(self.wake_p50_us)} (99 %: {duration(self.wake_p99_us)}), and a request of one "
            f"client makes two: of its median {duration(2 * self.wake_p50_us)} are the machine's, whatever the server",
            f"a sleep of 1 ms ends {duration(self.late_p50_us)} late (99 %: {duration(self.late_p99_us)}): so does a "
            f"handler that sleeps, and a time-out{slack}",
        )

    def _disturbed(self) -> tuple[str, ...]:
        waited = self.waited_share or 0.0
        found = (
            (
                self.stolen_share > _STOLEN,
                f"the hypervisor took {100 * self.stolen_share:.1f} % of a core: what it interrupts is slow by some "
                "milliseconds, and the 99th percentiles are its own",
            ),
            (
                self.others_share > _MANY,
                f"other programs used {100 * self.others_share:.0f} % of a core: latencies are too high, and vary from "
                "run to run; compare within a round only, and close what runs",
            ),
            (
                waited > _WAITED,
                f"for {100 * waited:.0f} % of the time something was ready to run and waited for a core",
            ),
            (
                self.throttled_s > 0,
                f"a quota made this process stand still for {self.throttled_s:.2f} s: a server under load will stand "
                "still in each period",
            ),
            (
                self.wake_p99_us > _SLOW_US,
                f"one wake-up of a hundred takes {duration(self.wake_p99_us)} or more: a 99th percentile up to that is "
                "the machine's",
            ),
        )
        return tuple(sentence for holds, sentence in found if holds)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, with the sentences under "says"."""
        return asdict(self) | {"says": list(self.sentences())}


_SUM = (
    "this machine is quiet: a run now should have no doubt",
    "this machine is not quiet: runs will have doubts (result.doubts), and single figures may be off by a factor",
)


def how_quiet(seconds: float = SECONDS) -> Quiet:
    """Measure for some seconds what this machine's quiet is worth; `iomux doctor` prints it.

    seconds: at most 60. Raises ValueError for others.

    Example:
    >>> from iomux.harness.quiet import how_quiet
    >>> found = how_quiet(seconds=0.2)
    >>> 0 < found.wake_p50_us <= found.wake_p99_us, len(found.sentences()) >= 3
    (True, True)
    """
    import numpy as np

    if not 0 < seconds <= 60:
        raise ValueError(f"seconds is {seconds}: choose more than 0 and at most 60")
    first, last = cores()[0], cores()[-1]
    seen = run_in_worker(_measure, seconds, first, core=last, seconds=30 + seconds, what="the measuring process")
    machine: Between = seen["machine"]
    late, wake = (np.percentile(seen[which], [50, 99], method="inverted_cdf") / 1000 for which in ("late", "wake"))
    used = {core: time.busy for core, time in machine.cores.items()}
    for core, own in ((first, seen["theirs_s"]), (last, seen["ours_s"])):
        used[core] = used.get(core, 0.0) - own
    return Quiet(
        seconds=machine.seconds,
        stolen_share=max((time.stolen for time in machine.cores.values()), default=0.0) / machine.seconds,
        others_share=max(0.0, *used.values()) / machine.seconds,
        waited_share=machine.waited_share,
        throttled_s=sum(one.seconds for one in machine.throttled),
        timer_slack_us=_timer_slack_us(),
        late_p50_us=float(late[0]),
        late_p99_us=float(late[1]),
        wake_p50_us=float(wake[0]),
        wake_p99_us=float(wake[1]),
    )


def _timer_slack_us() -> float | None:
    try:
        return int(Path("/proc/self/timerslack_ns").read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):
        return None


def _measure(seconds: float, other_core: int) -> dict[str, Any]:
    """Run in a process of its own: sleep and wake the other process in turn; return how late each was, in ns."""
    ours, theirs = socket.socketpair()
    if (child := os.fork()) == 0:
        ours.close()
        _answer(theirs, other_core)
    theirs.close()
    late, wake = array("q"), array("q")
    before, own = read([os.getpid()], []), time.process_time()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        asked = time.perf_counter_ns()
        time.sleep(_SLEEP_S)
        now = time.perf_counter_ns()
        late.append(now - asked - int(_SLEEP_S * 1e9))
        for _ in range(_ROUND_TRIPS):
            asked = time.perf_counter_ns()
            ours.sendall(b"?")
            ours.recv(1)
            wake.append((time.perf_counter_ns() - asked) // 2)
    machine, own = between(before, read([os.getpid()], [])), time.process_time() - own
    ours.close()
    used = os.wait4(child, 0)[2]
    return {"late": late, "wake": wake, "machine": machine, "ours_s": own, "theirs_s": used.ru_utime + used.ru_stime}


def _answer(theirs: socket.socket, core: int) -> NoReturn:
    """The other process: send each byte back, until the socket is closed."""
    try:
        pin(core)
        while data := theirs.recv(1):
            theirs.sendall(data)
    finally:
        os._exit(0)
