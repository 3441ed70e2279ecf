"""The result of one load: latency percentiles, throughput, errors and CPU time, printed as a few lines."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from iomux.harness.load.doubts import Doubt, doubts, generator_bound, late_us
from iomux.harness.load.percentiles import SHARES, columns, in_words, interval, percentile
from iomux.harness.load.plan import Plan
from iomux.system.machine import CpuTime, Switches, describe
from iomux.system.units import rate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iomux.harness.load.hosts import Host

    Nanoseconds = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LoadResult:
    """The measurements of one run. Times are in the unit of their name, raw samples in nanoseconds.

    Example:
    >>> with iomux.start("poll") as server:
    ...     result = iomux.load(server, duration=0.1)
    >>> result.p50_us <= result.max_us, len(result.response_ns) == result.requests
    (True, True)
    """

    connections: int
    """Connections that were to be opened, active and idle."""
    active: int
    """How many of them send requests."""
    size_bytes: int
    """The size of a request, and of its reply if the server is an echo."""
    asked: str
    """What was asked of a server that is no echo, and how much of it at once; empty for an echo."""
    rate_per_s: float | None
    """Planned requests a second over all active clients (open loop); None in the closed loop."""
    arrivals: str | None
    """How the requests of an open loop were spaced, "poisson" or "even"; None in the closed loop."""
    seed: int | None
    """What the times of Poisson arrivals were drawn from: `iomux.load(..., seed=this)` plans them again; else None."""
    requests: int
    """Requests that were answered in the measurement; those of the warm-up do not count."""
    requests_per_s: float
    """Answered requests a second of the planned duration, or until the last reply if that came later."""
    mean_us: float
    """The mean response time, in microseconds, as all down to `max_us`; NaN if no request was answered."""
    p50_us: float
    """The median response time."""
    p90_us: float
    """The response time that 90 % of the requests did not exceed; NaN if there were fewer than 100 of them."""
    p99_us: float
    """The same for 99 %; NaN with fewer than 1,000 requests."""
    p999_us: float
    """The same for 99.9 %; NaN with fewer than 10,000 requests."""
    max_us: float
    """The longest response time."""
    intervals_us: dict[str, tuple[float, float]]
    """The 95 % interval of "p50", "p90", "p99" and "p999", from order statistics; NaN where there are too few samples.
    Those of one run depend on each other, so it is too narrow; see `iomux.ratio` for an interval over rounds."""
    unserved: int
    """Active clients that never got a reply."""
    errors: dict[str, int]
    """How often each kind of error was seen; empty if there were none."""
    connect_s: float
    """How long it took to open all connections; of several load generators, from the first to the last."""
    server_user_s: float | None
    """User CPU seconds of the server during the measurement; None if `iomux.start` did not make it."""
    server_system_s: float | None
    """System CPU seconds of the server, likewise."""
    cpu_us_per_request: float | None
    """The server's CPU time, user and system, for each request."""
    voluntary_switches: int | None
    """How often the server's threads gave up their core to wait during the measurement; None if unknown."""
    involuntary_switches: int | None
    """How often the scheduler took their core from them."""
    generator_cpu_share: float
    """The load generator's CPU time for each second of the run (in the open loop it spins); of several the busiest."""
    generator_bound: bool
    """Whether the load generator was the bottleneck, or late: then the results describe it and not the server."""
    late_us: dict[str, float]
    """How late the generator sent in the open loop, as "p50", "p99" and "max" in microseconds; empty in a closed one.
    Requests that a busy connection held up do not count: they wait for the server."""
    doubts: tuple[str, ...]
    """What speaks against this run, a sentence each; empty if all is well."""
    disturbed: bool
    """Whether one of the doubts is about what else the machine did just then: another run may be spared."""
    machine: str
    """The machine that it was measured on, in one line."""
    response_ns: "Nanoseconds" = field(repr=False)
    """Raw response times, in the order of arrival: from the planned time in the open loop, else from the send.
    Of several load generators, those of the first, then those of the second, and so on."""
    service_ns: "Nanoseconds" = field(repr=False)
    """Raw service times, from the actual send; the same samples as `response_ns` in the closed loop."""
    processes: int = 1
    """How many load generators there were."""
    began_late_us: tuple[float, ...] = ()
    """How long after the agreed moment each of several load generators began; empty if there was one."""
    hosts: "tuple[Host, ...]" = ()
    """What each host of a Dask cluster has seen, the lost ones, too; `pandas.DataFrame(hosts)` is a table."""
    lost: int = 0
    """Planned requests of an open loop that had no reply by the deadline. Each took longer than any that was answered,
    and counts so: a percentile that is one of them is NaN. `mean_us` and `max_us` are of the answered ones alone."""

    def row(self) -> dict[str, Any]:
        """All but the raw samples as one row of a table: errors in sum and as text, intervals as `p50_low_us`, ..."""
        left_out = "response_ns service_ns machine errors intervals_us late_us doubts disturbed began_late_us hosts"
        row = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out.split()}
        kinds = ", ".join(f"{kind}: {count:,}" for kind, count in sorted(self.errors.items()))
        said = {"errors": sum(self.errors.values()), "error_kinds": kinds, "doubts": "; ".join(self.doubts)}
        return row | columns(self.intervals_us) | said

    def setting(self) -> str:
        """One line for a figure's caption: connections, request size, and closed or open loop with its arrivals."""
        spaced = f"Poisson arrivals, seed {self.seed}" if self.arrivals == "poisson" else "evenly spaced"
        loop = f"open loop at {rate(self.rate_per_s)} requests/s, {spaced}" if self.rate_per_s else "closed loop"
        what = self.asked or f"{self.size_bytes:,} bytes"
        shared = f", {self.processes} load generators" if self.processes > 1 else ""
        return f"{self.active:,} active of {self.connections:,} connections, {what}, {loop}{shared}"

    def __str__(self) -> str:
        lines = [
            self.setting(),
            f"{self.requests:,} requests, {rate(self.requests_per_s)} a second",
            *in_words(self.row()),
        ]
        if self.cpu_us_per_request is not None:
            lines.append(f"server CPU {self.cpu_us_per_request:.1f} µs a request{self._switches()}")
        if self.unserved:
            lines.append(f"never served: {self.unserved:,} client{'' if self.unserved == 1 else 's'}")
        lines += [*map(str, self.hosts), *(f"in doubt: {doubt}" for doubt in self.doubts)]
        return "\n".join(lines)

    __repr__ = __str__

    def _switches(self) -> str:
        counts = (self.voluntary_switches, self.involuntary_switches)
        each = [f"{count / self.requests:.1f}" for count in counts if count is not None]
        return f", {each[0]} voluntary and {each[1]} involuntary context switches a request" if len(each) > 1 else ""


def summarize(
    plan: Plan,
    seen: dict[str, Any],
    found: Sequence[Doubt] | None = None,
    bound: bool | None = None,
    hosts: "tuple[Host, ...]" = (),
) -> LoadResult:
    """Make a result of the load generator's samples; found, bound: doubts and bottleneck, if judged elsewhere."""
    import numpy as np

    response = np.frombuffer(seen["response_ns"], dtype=np.int64)
    service = np.frombuffer(seen["service_ns"], dtype=np.int64)
    requests, found = len(response), doubts(plan, seen) if found is None else found
    late = seen.get("began_late_ns", 0)
    ordered, lost = np.sort(response) / 1000, seen.get("lost", 0)
    quantiles = {f"{name}_us": percentile(ordered, share, lost) for name, share in SHARES.items()}
    cpu: CpuTime | None = seen["server_cpu"]
    switches: Switches | None = seen["server_switches"]
    return LoadResult(
        connections=plan.connections,
        active=plan.active,
        size_bytes=plan.size,
        asked=plan.asking.caption() if plan.asking else "",
        rate_per_s=plan.rate,
        arrivals=plan.arrivals,
        seed=plan.seed,
        requests=requests,
        requests_per_s=requests / seen["seconds"] if requests else 0.0,
        mean_us=float(response.mean()) / 1000 if requests else float("nan"),
        **quantiles,
        max_us=float(ordered[-1]) if requests else float("nan"),
        intervals_us={name: interval(ordered, share, lost) for name, share in SHARES.items()},
        unserved=seen["unserved"],
        errors=seen["errors"],
        connect_s=seen["connect_s"],
        server_user_s=cpu.user if cpu else None,
        server_system_s=cpu.system if cpu else None,
        cpu_us_per_request=cpu.total / requests * 1e6 if cpu and requests else None,
        voluntary_switches=switches.voluntary if switches else None,
        involuntary_switches=switches.involuntary if switches else None,
        generator_cpu_share=seen["generator_cpu_share"],
        generator_bound=generator_bound(plan, seen) if bound is None else bound,
        late_us=late_us(plan, seen),
        doubts=tuple(doubt.text for doubt in found),
        disturbed=any(doubt.passing for doubt in found),
        machine=describe(),
        response_ns=response,
        service_ns=service,
        processes=len(late) if isinstance(late, list) else 1,
        began_late_us=tuple(one / 1000 for one in late) if isinstance(late, list) else (),
        hosts=hosts,
        lost=lost,
    )
