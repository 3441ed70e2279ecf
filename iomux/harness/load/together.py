"""One load from several load generators: each in a process of its own, all beginning at one moment, and one result.

One process opens 20,000 connections at most and sends what one core can send. Several share the connections and the
active clients evenly, and the planned requests of an open loop client by client, so that the plan is the same however
many there are. They begin at a moment that all are told (`iomux.processes.sharing.meeting`), and each tells how late it
was. Raw samples are merged, never percentiles: the percentile of a whole is no mean of its parts' percentiles.

Cost: some 0.1 s a process to start, and a core for each, or they wait for one another: then the run has a doubt.
"""

import contextlib
import re
import select
import socket
import time
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from iomux.harness.load.doubts import FULL, Doubt, counts, disturbances, generator_bound
from iomux.harness.load.generator import SECOND
from iomux.harness.load.plan import Part, Plan, run
from iomux.processes.sharing.meeting import agree
from iomux.processes.worker import Reports, TookTooLong, worker_reports
from iomux.system.network.place import Place
from iomux.system.units import duration

_ROUNDS = 2  # they meet before the warm-up and before the measurement
_LATE_NS, _LATE_SHARE = 10_000_000, 0.02


def parts(plan: Plan, processes: int) -> list[Plan]:
    """The plan of each load generator. The first one has an active client, and watches the server.

    Example:
    >>> from iomux.harness.load.plan import Plan
    >>> from iomux.harness.load.together import parts
    >>> whole = Plan(("127.0.0.1", 1), 10, 4, 64, 1.0, 0.2, None, 2.0, None, False)
    >>> [(part.connections, part.active) for part in parts(whole, 3)]
    [(4, 2), (3, 1), (3, 1)]
    """
    found: list[Plan] = []
    first = 0
    for number in range(processes):
        active = _share(plan.active, number, processes)
        part = Part(number, first, plan.active)
        mine = plan._replace(connections=_share(plan.connections, number, processes), active=active, part=part)
        found.append(mine if number == 0 else mine._replace(server_pid=None, others=()))
        first += active
    return found


def _share(whole: int, number: int, processes: int) -> int:
    return whole // processes + (number < whole % processes)


def run_together(
    plans: Sequence[Plan], cores: Sequence[int | None], seconds: float, inside: Place | None = None
) -> list[dict[str, Any]]:
    """Carry out all plans at the same time; return what each has seen. Raises as `run_in_worker`."""
    with contextlib.ExitStack() as stack:
        ends, reports = [], []
        for number, (plan, core) in enumerate(zip(plans, cores, strict=True), 1):
            near, far = map(stack.enter_context, socket.socketpair())
            with far:
                job, what = (run, plan, far.fileno()), f"load generator {number} of {len(plans)}"
                fds = (far.fileno(),)
                there = worker_reports(*job, core=core, what=what, pass_fds=fds, inside=inside)
                reports.append(stack.enter_context(there))
            ends.append(near)
        for _ in range(_ROUNDS):
            if (absent := agree(ends, seconds)) is not None:
                reports[absent].next(1.0)  # raises with the reason, if it has failed
                raise TookTooLong(f"load generator {absent + 1} of {len(plans)} was not ready within {seconds:.0f} s")
        return _all(reports, seconds)


def _all(reports: Sequence[Reports], seconds: float) -> list[dict[str, Any]]:
    """The report of each, taken as they come: one that fails is not waited for until the others are done."""
    until, came = time.monotonic() + seconds, dict[int, dict[str, Any]]()
    poller, numbers = select.poll(), {report.fileno(): number for number, report in enumerate(reports)}
    for descriptor in numbers:
        poller.register(descriptor, select.POLLIN)
    while len(came) < len(reports):
        if not (ready := poller.poll(max(0.0, until - time.monotonic()) * 1000)):
            absent = next(number for number in numbers.values() if number not in came)
            raise TookTooLong(f"load generator {absent + 1} of {len(reports)} did not come back within {seconds:.0f} s")
        for descriptor, _ in ready:
            poller.unregister(descriptor)
            came[numbers[descriptor]] = reports[numbers[descriptor]].next(seconds)
    return [came[number] for number in range(len(reports))]


def merge(plans: Sequence[Plan], each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What all have seen, as one load generator would tell it: samples joined, counts added, one window."""
    errors: Counter[str] = Counter()
    for seen in each:
        errors.update(seen["errors"])
    began, connected, start, last = zip(*(seen["moments_ns"] for seen in each), strict=True)
    most = [seen["most_per_s"] for seen in each if seen["most_per_s"]]
    response = _joined(each, "response_ns")
    return each[0] | {
        "response_ns": response,
        "service_ns": _joined(each, "service_ns") if plans[0].rate else response,
        "late_ns": _joined(each, "late_ns"),
        "seconds": (max(last) - min(start)) / SECOND,
        "connect_s": (max(connected) - min(began)) / SECOND,
        "lost": sum(seen["lost"] for seen in each),
        "unserved": sum(seen["unserved"] for seen in each),
        "errors": dict(errors),
        "generator_cpu_share": max(seen["generator_cpu_share"] for seen in each),
        "own_cpu_s": sum(seen["own_cpu_s"] for seen in each),
        "most_per_s": sum(most) if most else None,
        "began_late_ns": [seen["began_late_ns"] for seen in each],
    }


def _joined(each: Sequence[dict[str, Any]], name: str) -> "array[int]":
    joined = array("q")
    for seen in each:
        joined.extend(seen[name])
    return joined


def bound(plans: Sequence[Plan], each: Sequence[dict[str, Any]]) -> bool:
    """Whether one of the load generators was the bottleneck, or late."""
    return any(generator_bound(plan, seen) for plan, seen in zip(plans, _known(each), strict=True))


def doubts_of_all(
    plans: Sequence[Plan], each: Sequence[dict[str, Any]], merged: dict[str, Any], servers: int, cores: int
) -> list[Doubt]:
    """What speaks against the run: what disturbed each, what they did to one another, and the counts of all.

    servers: how many processes the server has. cores: how many there are for all of them.
    """
    crowded = len(plans) + servers > cores
    found: dict[str, tuple[Doubt, list[int]]] = {}  # by the text without its numbers
    for number, (plan, seen) in enumerate(zip(plans, _known(each, crowded), strict=True), 1):
        for doubt in disturbances(plan, seen):
            found.setdefault(re.sub(r"[\d.,]+", "", doubt.text), (doubt, []))[1].append(number)
    said = [Doubt(f"{_who(who, len(plans))}: {doubt.text}", doubt.passing) for doubt, who in found.values()]
    return [*said, *_late(plans, merged), *_crowded(len(plans), servers, cores, merged), *counts(merged)]


def _known(each: Sequence[dict[str, Any]], crowded: bool = False) -> Iterator[dict[str, Any]]:
    """What each has seen, with what it could not know: the server's share of its core, and who shared its own.

    crowded: leave out that somebody waited for a core: these processes did so themselves.
    """
    for seen in each:
        core = _core(seen)
        same = [seen] if core is None else [other for other in each if _core(other) == core]
        known = seen | {name: sum(other[name] for other in same) for name in ("own_cpu_s", "generator_cpu_share")}
        known["server_cpu_share"] = each[0]["server_cpu_share"]
        if crowded and (meanwhile := seen.get("meanwhile")):
            known["meanwhile"] = meanwhile._replace(machine=meanwhile.machine._replace(waited_share=None))
            known |= {"own_waited_s": None, "server_waited_s": None}
        yield known


def _core(seen: dict[str, Any]) -> int | None:
    """The core that a load generator is pinned to."""
    return seen["meanwhile"].generator_core if "meanwhile" in seen else None


def _who(numbers: Sequence[int], count: int) -> str:
    if len(numbers) == count:
        return f"all {count} load generators"
    more = f" and {len(numbers) - 1} more" if len(numbers) > 1 else ""
    return f"load generator {numbers[0]}{more} of {count}"


def _late(plans: Sequence[Plan], merged: dict[str, Any]) -> Iterator[Doubt]:
    late = merged["began_late_ns"]
    if max(late) > max(_LATE_NS, _LATE_SHARE * plans[0].duration * SECOND):
        who = _who([late.index(max(late)) + 1], len(plans))
        yield Doubt(f"{who} began {duration(max(late) / 1000)} after the agreed moment: till then it was absent", True)


def _crowded(generators: int, servers: int, cores: int, merged: dict[str, Any]) -> Iterator[Doubt]:
    """They waited for one another: together they had all cores, and there are more of them than cores."""
    server = merged["server_cpu"]
    used = merged["own_cpu_s"] + (server.total if server else 0.0)
    if generators + servers > cores and used > FULL * cores * merged["seconds"]:
        what = f"{generators} load generators and {servers} server process{'es' if servers > 1 else ''}"
        yield Doubt(f"{what} kept {cores} core{'s' if cores > 1 else ''} busy: they waited for one another", False)
