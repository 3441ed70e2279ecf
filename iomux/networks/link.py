"""A link as its owner sees it: settings that can be changed while packets pass, a cut, and a report."""

from collections import Counter
from typing import Any

from iomux.networks.checks import setting
from iomux.networks.parts import Parts
from iomux.networks.report import LinkReport, Reading, make
from iomux.processes.spawn import interrupt_held_back

_NOTHING = Reading(Counter(), Counter(), 0.0, 0.0)


class Link:
    """What one host sends passes its link; `network.link` stands for all links of a network at once.

    A link delays, limits and loses what its host *sends*, as netem does at the interface of a real host. So a round
    trip between two hosts takes the delays of both links. A cut link carries nothing, in neither direction. Each
    change is in force when the statement is done; packets that have left by then are not changed by it.

    Example:
    >>> with iomux.network() as (a, b):
    ...     b.link.cut()
    ...     a.link.delay_ms = 20
    ...     print(a.link.is_cut, b.link.is_cut, a.link.delay_ms)
    False True 20.0
    """

    def __init__(self, parts: Parts, numbers: list[int]) -> None:
        self._parts, self._numbers = parts, numbers

    @property
    def delay_ms(self) -> float:
        """How long a packet travels, one way, in milliseconds. May be set. Raises ValueError if the links differ."""
        return float(self._get("delay_ms"))

    @delay_ms.setter
    def delay_ms(self, value: float) -> None:
        """Change it for the packets that come from now on."""
        self._set("delay_ms", value)

    @property
    def loss(self) -> float:
        """The share of packets that is lost, 0 to 1. May be set."""
        return float(self._get("loss"))

    @loss.setter
    def loss(self, value: float) -> None:
        """Change it for the packets that come from now on."""
        self._set("loss", value)

    @property
    def rate_mbit(self) -> float | None:
        """How much it sends, in 10^6 bits a second, IP headers included; None: as fast as it can. May be set."""
        rate: float | None = self._get("rate_mbit")
        return rate

    @rate_mbit.setter
    def rate_mbit(self, value: float | None) -> None:
        """Change it for the packets that come from now on."""
        self._set("rate_mbit", value)

    @property
    def queue_bytes(self) -> int:
        """How many bytes may wait for it, if it has a rate; what does not fit is dropped. May be set."""
        return int(self._get("queue_bytes"))

    @queue_bytes.setter
    def queue_bytes(self, value: int) -> None:
        """Change it for the packets that come from now on."""
        self._set("queue_bytes", value)

    @property
    def is_cut(self) -> bool:
        """Whether it carries nothing."""
        return bool(self._get("cut"))

    def cut(self) -> None:
        """Cut it: from now on nothing passes, in neither direction, and nobody is told."""
        self._change("cut", True)

    def mend(self) -> None:
        """Mend it. What was sent meanwhile is lost, and what TCP sends again passes."""
        self._change("cut", False)

    def report(self, since: LinkReport | None = None) -> LinkReport:
        """What has passed, what was dropped and where, and how late the wire was; since an earlier report if given.

        Raises RuntimeError if the network was stopped.
        """
        reading = self._parts.read(self._numbers)
        delay = min(self._parts.settings[number]["delay_ms"] for number in self._numbers)
        return make(reading, since.reading if since else _NOTHING._replace(at_s=self._parts.since_s), delay)

    def _get(self, name: str) -> Any:
        settings = self._parts.settings
        values = [settings[number][name] for number in self._numbers]
        if any(value != values[0] for value in values):
            raise ValueError(f"{name} differs from link to link: {values}; ask the link of each host")
        return values[0]

    def _set(self, name: str, value: Any) -> None:
        self._change(name, setting(name, value))

    def _change(self, name: str, value: Any) -> None:
        """Send the settings whole, and keep them. Another thread, or Ctrl-C, comes before that or after it."""
        with interrupt_held_back(), self._parts.changing:
            changed = {number: self._parts.settings[number] | {name: value} for number in self._numbers}
            self._parts.wire.ask("set", changed)
            self._parts.settings = tuple(changed.get(n, same) for n, same in enumerate(self._parts.settings))
