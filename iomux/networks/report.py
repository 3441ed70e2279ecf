"""What a link has done: its packets, where the others were dropped, and how late the wire was, with doubts.

Every packet that a host's device gave to the wire is counted once: `packets` is `delivered`, `lost`, `queue_full`,
`cut`, `nowhere`, `wire_full` and `in_flight` together. `device_full` are those that the wire never saw.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

LATE_SHARES = {"p50": 0.25, "p99": 0.5}
"""The share of a delay, or of a latency, that the wire's own lateness may be: those of the load generator's."""
FULL = 0.9
"""The share of a core from which on the wire counts as saturated."""
_LEAST_US = {"p50": 100, "p99": 1000}  # below this it is the usual wake-up of a process
_FEWEST = {"p50": 30, "p99": 1000}  # packets, so that a percentile means something


class Reading(NamedTuple):
    """The counts of some links at one moment, and what the wire has done by then for all of them."""

    counts: Counter[str]
    late_us: Counter[int]
    """How many packets were so many µs late, of all links."""
    cpu_s: float
    at_s: float

    @property
    def share(self) -> float:
        """The wire's processor time for each second."""
        return self.cpu_s / self.at_s if self.at_s > 0 else 0.0

    def since(self, earlier: "Reading") -> "Reading":
        """What came after an earlier one; packets under way are those of now, and `at_s` the time between them."""
        counts = Counter({name: self.counts[name] - earlier.counts[name] for name in self.counts})
        counts["in_flight"] = self.counts["in_flight"]
        late = self.late_us - earlier.late_us
        return Reading(counts, late, self.cpu_s - earlier.cpu_s, self.at_s - earlier.at_s)


@dataclass(frozen=True)
class LinkReport:
    """What became of the packets of a link, or of all links of a network. Made by `Link.report`.

    Example:
    >>> with iomux.network() as network:
    ...     print(network.link.report().lost)
    0
    """

    packets: int
    """How many IP packets the hosts have sent into it, acknowledgements and handshakes included."""
    bytes: int
    """Their bytes, IP headers included."""
    delivered: int
    """How many have arrived."""
    lost: int
    """How many were lost because `loss` asked for it."""
    queue_full: int
    """How many did not fit into the queue (`rate_mbit`, `queue_bytes`)."""
    cut: int
    """How many met a link that was cut, here or at the host that they were for."""
    nowhere: int
    """How many were for an address that no host has, or for a host whose device was taken down."""
    wire_full: int
    """How many came while too much was under way to be kept (`iomux.networks.wire.MOST_BYTES`)."""
    in_flight: int
    """How many are under way."""
    device_full: int
    """How many the hosts' devices dropped before the wire could read them (TX drops in /proc/net/dev)."""
    late_us: dict[str, float]
    """How late the packets of all links came out of the wire, as "p50", "p99" and "max"; empty without any.

    Exact to 1 µs below a millisecond and to 1 ms above. How long a packet lay in its device before the wire read it
    can't be seen, and is not in it.
    """
    wire_share: float
    """The wire's processor time for each second."""
    doubts: tuple[str, ...]
    """What speaks against the wire, a sentence each; empty if all is well."""
    reading: Reading = field(repr=False)
    """The counts from which this was made: `report(since=...)` subtracts them."""

    def __str__(self) -> str:
        dropped = {
            "lost as asked": self.lost,
            "queue full": self.queue_full,
            "link cut": self.cut,
            "no such host": self.nowhere,
            "wire full": self.wire_full,
            "device full": self.device_full,
        }
        drops = ", ".join(f"{name}: {number:,}" for name, number in dropped.items() if number) or "none dropped"
        lines = [f"{self.packets:,} packets, {self.bytes:,} bytes; {self.delivered:,} delivered; {drops}"]
        if self.late_us:
            late = ", ".join(f"{name} {us:,.0f} µs" for name, us in self.late_us.items())
            lines.append(f"the wire was late by: {late}; it used {100 * self.wire_share:.0f} % of a core")
        return "\n".join([*lines, *(f"in doubt: {doubt}" for doubt in self.doubts)])

    __repr__ = __str__


def make(reading: Reading, since: Reading, delay_ms: float) -> LinkReport:
    """The report between two readings; delay_ms: that of the link, with which the lateness is compared."""
    passed = reading.since(since)
    late = {name: at(passed.late_us, share) for name, share in {"p50": 0.5, "p99": 0.99, "max": 1.0}.items()}
    counts: dict[str, Any] = dict(passed.counts)
    said = [*too_late(passed, dict.fromkeys(LATE_SHARES, delay_ms * 1000)), *too_full(passed)]
    late_us = late if passed.late_us else {}
    return LinkReport(**counts, late_us=late_us, wire_share=passed.share, doubts=tuple(said), reading=reading)


def at(late_us: Counter[int], share: float) -> float:
    """The lateness that this share of the packets did not exceed; NaN without any."""
    left = share * late_us.total()
    for us in sorted(late_us):
        left -= late_us[us]
        if left <= 1e-9:
            return float(us)
    return float("nan")


def too_late(passed: Reading, of_us: dict[str, float]) -> Iterator[str]:
    """What to say of a wire whose lateness is a great share of these times, by percentile; NaN for one not known."""
    known = [us for us in of_us.values() if not math.isnan(us)]
    for name, share in LATE_SHARES.items():
        late = at(passed.late_us, float(name[1:]) / 100)
        of = min(known, default=0.0) if math.isnan(of_us[name]) else of_us[name]
        if passed.late_us.total() >= _FEWEST[name] and late > max(share * of, _LEAST_US[name]):
            most = "half" if name == "p50" else "1 %"
            yield f"the wire was late: {most} of the packets came {late:,.0f} µs or more after they were due"
            return


def too_full(passed: Reading) -> Iterator[str]:
    """What to say of a wire that could do no more, or of devices that dropped what it did not read in time."""
    if passed.share > FULL:
        yield f"the wire was the bottleneck: it used {100 * passed.share:.0f} % of a core, and carries no more packets"
    for name, what in (
        ("device_full", "were dropped in a host's device, because the wire did not read them in time"),
        ("wire_full", "were dropped in the wire, because too much was under way"),
    ):
        if number := passed.counts[name]:
            yield f"{number:,} packets {what}"
