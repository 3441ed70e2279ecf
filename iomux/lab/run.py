"""One run of the playground: its setting and its results, tick by tick, as figures and sentences."""

import math
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iomux.lab.live import Setting, Tick
from iomux.lab.live_tape import newest
from iomux.lab.live_trace import why_not
from iomux.processes.errors import ServerError
from iomux.system.units import duration

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Run:
    """One run of a playground: its setting, and a Tick each half second. Figures are medians over its ticks.

    Example:
    >>> run = iomux.playground("poll", idle=10).run(seconds=0.6)
    >>> run.over, run.p50_us > 0, run.trouble
    (True, True, '')
    """

    setting: Setting
    """Mechanism, numbers of idle and active connections, message size, handler delay, planned requests a second."""
    ticks: list[Tick] = field(default_factory=list)
    """The results of each half second, the oldest first."""
    trouble: str = ""
    """What went wrong, in words; empty if nothing did."""
    over: bool = False
    """Whether the run has ended."""

    def add(self, tick: Tick) -> None:
        """Add a tick. Only the last one keeps its events, because there are many."""
        self.ticks.append(tick)
        self.ticks[-2:-1] = [earlier._replace(events=[]) for earlier in self.ticks[-2:-1]]

    @property
    def p50_us(self) -> float:
        """The median latency in microseconds; NaN if no request was answered."""
        return self._middle([tick.pulse.p50_us for tick in self._settled() if tick.pulse.requests])

    @property
    def p99_us(self) -> float:
        """The 99th percentile in microseconds; NaN if no half second had the 1,000 requests that it needs."""
        return self._middle([p99 for tick in self._settled() if not math.isnan(p99 := tick.pulse.p99_us)])

    @property
    def cpu_share(self) -> float:
        """The share of a core that the server used."""
        return self._middle([tick.cpu_share for tick in self._settled()])

    @property
    def cpu_us_per_request(self) -> float:
        """The server's processor time for each request, in microseconds; other load hardly changes it. NaN: none."""
        used = sum(tick.cpu_share * tick.pulse.seconds for tick in self._settled())
        answered = sum(tick.pulse.requests for tick in self._settled())
        return 1e6 * used / answered if answered else float("nan")

    @property
    def requests(self) -> int:
        """How many requests were answered."""
        return sum(tick.pulse.requests for tick in self.ticks)

    @property
    def refused(self) -> str:
        """What the server wrote when it met a limit of its mechanism; empty if it did not."""
        return self.ticks[-1].refused if self.ticks else ""

    @property
    def remarks(self) -> list[str]:
        """What else one has to know: faults, limits that were met, clients that were lost or never served."""
        return remarks(self)

    @property
    def untraceable(self) -> str:
        """Why this server's calls can't be traced, so that it has no tape; empty if they can."""
        return why_not(self.setting.mechanism)

    def tape(self) -> "pd.DataFrame":
        """The newest events of the server's first active clients, in the form of `iomux.tape`; empty at first."""
        return newest(self.setting.mechanism, self.ticks[-1].events if self.ticks else [])

    def _settled(self) -> list[Tick]:
        settled = self.ticks[1:]  # the first tick is the warm-up
        return settled if any(tick.pulse.requests for tick in settled) else self.ticks

    @staticmethod
    def _middle(values: list[float]) -> float:
        return statistics.median(values) if values else float("nan")

    def __str__(self) -> str:
        return "; ".join([reading(self), *self.remarks])

    __repr__ = __str__


_FULL = 0.9  # the share of a core above which a process counts as fully used


def reading(run: "Run") -> str:
    """One run in one sentence: 'poll, 1,000 idle + 1 active: median 850 µs, 99 % 1.2 ms, server 97 % of a core'."""
    if not run.ticks:
        return f"{run.setting}: {'nothing was seen' if run.over else 'starting'}"
    if not run.requests:
        waits = run.ticks[-1].pulse.longest_wait_s
        return f"{run.setting}: no answer {'came' if run.over else 'yet'}, the first request has waited {waits:.1f} s"
    tail = "" if math.isnan(run.p99_us) else f", 99 % {duration(run.p99_us)}"
    latency = f"median {duration(run.p50_us)}{tail}"
    return f"{run.setting}: {latency}, server {100 * run.cpu_share:.0f} % of a core"


def remarks(run: "Run") -> list[str]:
    """What one has to know to read the figures correctly, one sentence each: limits met, clients lost or waiting."""
    if not run.ticks:
        return [run.trouble] if run.trouble else []
    last, setting = run.ticks[-1].pulse, run.setting
    said = [run.trouble] if run.trouble else []
    if run.refused:
        said.append(run.refused)
    if last.closed > 0:
        said.append(f"the server closed {last.closed:,} of {setting.idle:,} idle connections")
    said += [f"{kind}: {count:,}" for kind, count in sorted(last.errors.items())]
    if last.waiting and not run.trouble:
        clients = "client" if setting.active == 1 else "clients"
        was = "was" if last.waiting == 1 else "were"
        said.append(f"{last.waiting:,} of {setting.active:,} active {clients} {was} never answered")
    if setting.rate:  # its generator spins until the next request is due
        said += _behind(run)
    elif last.generator_cpu_share > _FULL > run.cpu_share:
        said.append("the load generator was the bottleneck: the server could do more")
    return said


def _behind(run: "Run") -> list[str]:
    """Whether fewer requests were answered than planned, beyond chance and what was under way."""
    seconds = sum(tick.pulse.seconds for tick in run.ticks)
    planned = run.setting.rate * seconds
    if planned - run.requests <= run.setting.active + 5 * math.sqrt(planned):
        return []
    return [f"{run.requests / seconds:,.0f} requests a second were answered, {run.setting.rate:,g} were planned"]


def trouble(error: Exception) -> str:
    """What went wrong, in one line: the last line of a traceback, for instance."""
    if isinstance(error, ServerError):
        said = error.log.strip().splitlines()
        return f"the server {error.cause or 'is gone'}" + (f": {said[-1]}" if said else "")
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines) == 1 else f"{lines[0].rstrip(':')}: {lines[-1]}"
