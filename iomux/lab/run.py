"""One run of the playground: what was asked for, and what was seen, tick by tick."""

import statistics
from dataclasses import dataclass, field

from iomux.harness.live import Setting, Tick
from iomux.lab.words import reading, remarks


@dataclass
class Run:
    """One run of a playground: what was asked for, and a Tick each half second. Figures are medians over its ticks."""

    setting: Setting
    ticks: list[Tick] = field(default_factory=list)
    trouble: str = ""
    """What went wrong, in words; empty where nothing did."""
    over: bool = False

    def add(self, tick: Tick) -> None:
        """Take one more tick. Only the last one keeps its events, which are many."""
        self.ticks.append(tick)
        self.ticks[-2:-1] = [earlier._replace(events=[]) for earlier in self.ticks[-2:-1]]

    @property
    def p50_us(self) -> float:
        """The median latency in microseconds; NaN where nobody was answered."""
        return self._middle([tick.pulse.p50_us for tick in self._settled() if tick.pulse.requests])

    @property
    def p99_us(self) -> float:
        """The 99th percentile in microseconds."""
        return self._middle([tick.pulse.p99_us for tick in self._settled() if tick.pulse.requests])

    @property
    def cpu_share(self) -> float:
        """What share of a core the server used."""
        return self._middle([tick.cpu_share for tick in self._settled()])

    @property
    def cpu_us_per_request(self) -> float:
        """Microseconds of the server's processor time for each request: a busy machine hardly changes it. NaN: none."""
        used = sum(tick.cpu_share * tick.pulse.seconds for tick in self._settled())
        answered = sum(tick.pulse.requests for tick in self._settled())
        return 1e6 * used / answered if answered else float("nan")

    @property
    def requests(self) -> int:
        """How many requests were answered."""
        return sum(tick.pulse.requests for tick in self.ticks)

    @property
    def refused(self) -> str:
        """What the server wrote when it met a limit of its mechanism; empty where it did not."""
        return self.ticks[-1].refused if self.ticks else ""

    @property
    def remarks(self) -> list[str]:
        """What else has to be known: what went wrong, limits that were met, clients that were lost or never served."""
        return remarks(self)

    def _settled(self) -> list[Tick]:
        settled = self.ticks[1:]  # the first tick is the warm-up
        return settled if any(tick.pulse.requests for tick in settled) else self.ticks

    @staticmethod
    def _middle(values: list[float]) -> float:
        return statistics.median(values) if values else float("nan")

    def __str__(self) -> str:
        return "; ".join([reading(self), *self.remarks])

    __repr__ = __str__
