"""Whether a run can be trusted: what disturbed it, as sentences, made of the readings before and after it.

A figure does not show that the generator was stopped, or that another program had the server's core; these sentences
do. Each bound is chosen so that a run on a quiet machine has no doubt, and says why it stands where it does. A doubt is
*passing* if it comes from what else the machine did just then: another run may be spared.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from iomux.harness.load.percentiles import SHARES, percentile
from iomux.harness.load.plan import Plan
from iomux.system.disturbance.cgroups import Throttled
from iomux.system.disturbance.meanwhile import Meanwhile
from iomux.system.disturbance.processors import CoreTime, siblings
from iomux.system.machine import CpuTime
from iomux.system.units import duration, percent, seconds

FULL = 0.9
"""The share of a core from which on a process counts as saturated."""
MOST_STOLEN = 0.02
"""The share of a core's time that the hypervisor may take: 1 % of a run is enough to fill its 99th percentile."""
MOST_OTHERS = 0.1
"""The share of a core that other programs may use: in a run of 0.5 s the kernel's ticks tell it to some 3 %."""
MOST_WAITING = 0.8
"""The share of the time in which any task may wait for a core. Each wake-up of a sleeping one counts: much is usual."""
MOST_DELAYED = 0.05
"""The share of the time in which server or generator may wait for a core, beyond what waking it takes."""
LEAST_STOLEN_S, LEAST_OTHERS_S = 0.015, 0.03
"""Less is not told from none in a short run: /proc/stat counts hundredths, and many kernels only sample who is busy."""
MOST_CHANGE = 1.25
"""The ratio between two frequencies of a core: turbo alone makes some 10 to 20 %."""
LATE_SHARES = {"p50": 0.25, "p99": 0.5}
"""The share of a latency that the generator's own lateness may be. It spins, and is late only while it works: by some
20 µs, in a few requests of a hundred at 10,000 a second."""
FEWEST = 30
"""The fewest requests: with 30 the median lies between the 33rd and the 70th percentile that were seen, 95 % sure."""
_TOO_MANY = {"p50": "half", "p99": "1 %"}
_SLOW_STALL = 10  # a silence of so many service times is no service time


class Doubt(NamedTuple):
    """Why a run may not be trusted."""

    text: str
    """A sentence without its full stop."""
    passing: bool
    """Whether another run may be spared."""


def doubts(plan: Plan, seen: dict[str, Any]) -> list[Doubt]:
    """Everything that speaks against a run, the gravest first; empty if all is well.

    seen: what `iomux.harness.load.plan.run` returned. Without its `meanwhile` only the counts are judged.
    """
    return [*disturbances(plan, seen), *counts(seen)]


def disturbances(plan: Plan, seen: dict[str, Any]) -> list[Doubt]:
    """What disturbed one load generator and its server."""
    meanwhile: Meanwhile | None = seen.get("meanwhile")
    found = [*_stillness(meanwhile, seen), *_machine(meanwhile, seen)] if meanwhile else []
    return [*found, *_generator(plan, seen)]


def late_us(plan: Plan, seen: dict[str, Any]) -> dict[str, float]:
    """How long after the planned moment requests were sent that no busy connection held up; empty in a closed loop."""
    if plan.rate is None or not len(seen["late_ns"]):
        return {}
    late = sorted(seen["late_ns"])
    return {name: percentile(late, SHARES[name]) / 1000 for name in LATE_SHARES} | {"max": late[-1] / 1000}


def generator_bound(plan: Plan, seen: dict[str, Any]) -> bool:
    """Closed loop: whether it used its whole core and the server did not. Open loop: whether it sent late."""
    if plan.rate is not None:
        return late_percentile(plan, seen) != "" or bool(seen.get("most_per_s"))
    server_share = seen["server_cpu_share"]
    return bool(seen["generator_cpu_share"] > FULL and (server_share is None or server_share < FULL))


def late_percentile(plan: Plan, seen: dict[str, Any]) -> str:
    """The percentile of which lateness is a great share, "p50" or "p99"; empty if of neither."""
    late, answered = late_us(plan, seen), sorted(seen["response_ns"])
    if not late or not answered:
        return ""
    whole = {name: percentile(answered, SHARES[name]) / 1000 for name in LATE_SHARES}
    return next((name for name, share in LATE_SHARES.items() if late[name] > share * whole[name]), "")


def _stillness(meanwhile: Meanwhile, seen: dict[str, Any]) -> Iterator[Doubt]:
    import numpy as np

    if ours := meanwhile.stood_still:
        yield Doubt(
            f"the load generator itself stood still for {seconds(sum(span.length for span in ours))}, from "
            f"{seconds(ours[0].begin)} on: it was stopped or its core was taken, and what it saw meanwhile is its own "
            "delay",
            passing=True,
        )
    silent, service = meanwhile.silent, seen["service_ns"]
    if silent and (not len(service) or silent.length > _SLOW_STALL * np.median(service)):
        yield Doubt(
            f"no reply came from {seconds(silent.begin)} to {seconds(silent.end)} while requests were under way: the "
            "server stood still",
            passing=False,
        )


def _machine(meanwhile: Meanwhile, seen: dict[str, Any]) -> Iterator[Doubt]:
    machine, places = meanwhile.machine, _places(meanwhile, seen)
    for who, core, own in places:
        spent = machine.cores.get(core, CoreTime(0.0, 0.0))
        if spent.stolen > max(MOST_STOLEN * machine.seconds, LEAST_STOLEN_S):
            share = percent(spent.stolen / machine.seconds)
            yield Doubt(f"the hypervisor ran something else on {who} for {share} of the time", passing=True)
        others = 0.0 if own is None else spent.busy - own
        if others > max(MOST_OTHERS * machine.seconds, LEAST_OTHERS_S):
            yield Doubt(f"other programs used {percent(min(others / machine.seconds, 1.0))} of {who}", passing=True)
    if len(places) < 2 and machine.waited_share is not None and machine.waited_share > MOST_WAITING:
        waited = f"for {percent(machine.waited_share)} of the time something waited for one (PSI)"
        yield Doubt(f"more was ready to run than there are cores: {waited}", passing=True)
    yield from _delayed(meanwhile, seen)
    yield from _throttled(machine.throttled)
    yield from _cores(meanwhile)


def _delayed(meanwhile: Meanwhile, seen: dict[str, Any]) -> Iterator[Doubt]:
    """Who could have run and had no core: of the two alone, pinned ones too; PSI counts every task of the machine.

    It also tells what the share of others hides: /proc/stat counts the loopback's soft interrupts apart, our own time
    has them. On one core for both each waits for the other, and a server's threads may wait for one another.
    """
    if meanwhile.generator_core is not None and meanwhile.generator_core == meanwhile.server_core:
        return
    for who, name in (("the load generator", "own_waited_s"), ("the server", "server_waited_s")):
        if (share := (seen.get(name) or 0.0) / meanwhile.machine.seconds) > MOST_DELAYED:
            yield Doubt(f"{who} was ready to run and had no core for {percent(share)} of the time", passing=True)


def _places(meanwhile: Meanwhile, seen: dict[str, Any]) -> list[tuple[str, int, float | None]]:
    """The cores that are known: whose it is, its number, and the seconds that we used of it, None if unknown."""
    cpu: CpuTime | None = seen["server_cpu"]
    ours, theirs = seen["own_cpu_s"], cpu.total if cpu else None
    generator, server = meanwhile.generator_core, meanwhile.server_core
    if generator is not None and generator == server:
        return [("the core of both", generator, None if theirs is None else ours + theirs)]
    known = (("the load generator's core", generator, ours), ("the server's core", server, theirs))
    return [(who, core, own) for who, core, own in known if core is not None]


def _throttled(lost: Sequence[Throttled]) -> Iterator[Doubt]:
    who = ["the load generator", "the server"][: len(lost)]
    if len(set(lost)) == 1:
        who, lost = [" and ".join(who)], lost[:1]
    for name, one in zip(who, lost, strict=True):
        if one.times > 0:
            lost_s = f"{one.times:,} times, {one.seconds:.2f} s in all (cgroup, cpu.stat)"
            yield Doubt(f"a quota of processor time made {name} stand still {lost_s}", passing=False)


def _cores(meanwhile: Meanwhile) -> Iterator[Doubt]:
    generator, server = meanwhile.generator_core, meanwhile.server_core
    if generator is not None and server is not None:
        if generator == server:
            yield Doubt(f"server and load generator shared core {server}: each waited for the other", passing=False)
        elif server in siblings(generator):
            both = f"two threads of one physical core, {server} and {generator}"
            yield Doubt(f"server and load generator ran on {both}: each slowed the other", passing=False)
    for core, (before, after) in meanwhile.machine.mhz.items():
        if max(before, after) > MOST_CHANGE * min(before, after):
            yield Doubt(f"core {core} changed its frequency from {before:,.0f} to {after:,.0f} MHz", passing=True)


def _generator(plan: Plan, seen: dict[str, Any]) -> Iterator[Doubt]:
    if not generator_bound(plan, seen):
        return
    if plan.rate is None:
        yield Doubt("the load generator was the bottleneck: the server could have done more", passing=False)
        return
    late, at, most = late_us(plan, seen), late_percentile(plan, seen), seen.get("most_per_s")
    if most:
        what = f"{most:,.0f} requests a second are all that it can send: plan fewer"
    else:
        what = f"it sent {_TOO_MANY[at]} of its requests {duration(late[at])} or more after the planned moment"
        what += ", and much of these latencies is its own delay"
    yield Doubt(f"the load generator was late: {what}", passing=not most)


def counts(seen: dict[str, Any]) -> Iterator[Doubt]:
    """Too few requests, and those that were lost."""
    answered, errors = len(seen["response_ns"]), seen["errors"]
    if answered < FEWEST:
        many = f"only {answered} request{'s were' if answered > 1 else ' was'}" if answered else "no request was"
        yield Doubt(f"{many} answered: too few even for a median", passing=False)
    if errors:
        kinds = ", ".join(f"{kind}: {count:,}" for kind, count in sorted(errors.items()))
        yield Doubt(f"requests or connections were lost: {kinds}", passing=False)
