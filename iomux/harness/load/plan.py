"""One run of the load generator, in its own process: connect, warm up, measure, wait for the last replies."""

import contextlib
import gc
import os
import time
from array import array
from collections import Counter
from random import Random
from typing import Any, NamedTuple

from iomux.harness.load.arrivals import planned_ns
from iomux.harness.load.asking import Asking
from iomux.harness.load.clients import connect, inspect_silent, spread, wait_until_accepted
from iomux.harness.load.generator import SECOND, Generator, perf_ns
from iomux.processes.sharing.meeting import meet, wait_until
from iomux.system.disturbance.meanwhile import Watch
from iomux.system.machine import CpuTime, Switches, below, context_switches, cpu_time, held_up, switched

_KEPT = 0.95  # the share of a plan that is answered in its time, unless somebody cannot follow
_LEAST_SPARE = 0.05  # the share of the generator's turns without a reply, unless it is the one


class Plan(NamedTuple):
    """The checked arguments of `iomux.load`, and the id of the server's process."""

    address: tuple[str, int]
    connections: int
    active: int
    size: int
    duration: float
    warmup: float
    rate: float | None
    deadline: float
    server_pid: int | None
    spin: bool
    """Whether the generator has a core to itself and may spin instead of sleeping."""
    arrivals: str | None = None
    """How the requests of an open loop are spaced."""
    seed: int | None = None
    """What their times are drawn from."""
    asking: Asking | None = None
    """What is said to a server that is no echo."""
    others: tuple[int, ...] = ()
    """The ids of the server's other processes, if it is a group."""
    part: "Part | None" = None
    """Which part of a load this is, if several load generators share it."""


class Part(NamedTuple):
    """One of several load generators that share one load."""

    number: int
    """From 0."""
    first: int
    """The number of its first active client among those of all load generators."""
    active: int
    """How many active clients all have: planned requests are dealt out to them in turn."""


def run(plan: Plan, meeting: int | None = None) -> dict[str, Any]:
    """Carry out one plan and return the measurements as plain values and arrays.

    meeting: of one of several load generators, the descriptor at which they agree when to begin
    (`iomux.processes.sharing.meeting`): with the warm-up when all are connected, and with the measurement after it.
    """
    errors: Counter[str] = Counter()
    began = perf_ns()
    clients = connect(plan.address, plan.connections, plan.deadline, errors, plan.part and plan.part.number)
    connected = perf_ns()
    wait_until_accepted(plan.address, plan.server_pid)
    active = spread(clients, plan.active)
    generator = Generator(active, plan.size, plan.spin, errors, plan.asking)
    measured, before_it = _timetables(plan)
    exchange = _exchange if active else _hold
    gc.disable()  # a collection during the run would count as latency
    server_use(plan)  # the first reading imports modules, which must not happen while a request is timed
    _begin(plan, meeting)
    warm = perf_ns() + int(plan.warmup * SECOND)
    exchange(generator, before_it, perf_ns(), warm)
    generator.end_warmup()
    watch, before = Watch(plan.server_pid), server_use(plan)
    late = _begin(plan, meeting)
    own_before, own_waited, start = time.process_time(), held_up(os.getpid()), perf_ns()
    end = start + int(plan.duration * SECOND)
    most_per_s = exchange(generator, measured, start, end)
    generator.drain(plan.deadline)
    own, seconds = time.process_time() - own_before, (perf_ns() - start) / SECOND
    generator.still.ended(generator.now, [client.sent_ns for client in active if client.payload], end)
    after, meanwhile = server_use(plan), watch.over(generator.still, start)
    inspect_silent([client for client in clients if not client.payload and client.sock.fileno() >= 0], errors)
    return {
        "response_ns": generator.response_ns,
        "service_ns": generator.service_ns if plan.rate else generator.response_ns,
        "late_ns": generator.late_ns,
        "lost": max(0, len(measured or ()) - len(generator.response_ns)),
        "seconds": (max(generator.now, end) - start) / SECOND,  # a server that stood still at the end did not do more
        "moments_ns": (began, connected, start, max(generator.now, end)),
        "began_late_ns": late,
        "connect_s": (connected - began) / SECOND,
        "unserved": sum(not client.served for client in active) + plan.active - len(active),
        "errors": dict(errors),
        "generator_cpu_share": own / seconds,
        "own_cpu_s": own,
        "own_waited_s": held_up(os.getpid()) - own_waited,
        "most_per_s": most_per_s,
        "meanwhile": meanwhile,
    } | server_used(before, after, seconds)


def _timetables(plan: Plan) -> "tuple[array[int], array[int]] | tuple[None, None]":
    """The planned times of the measurement and of the warm-up. The first depend on the seed, and not on the warm-up."""
    if plan.rate is None or not plan.active:  # one of several may only hold connections
        return None, None
    spacing, draws = plan.arrivals or "even", Random(plan.seed)
    measured = planned_ns(plan.rate, plan.duration, spacing, draws)
    return _dealt(measured, plan), _dealt(planned_ns(plan.rate, plan.warmup, spacing, draws), plan)


def _dealt(times: "array[int]", plan: Plan) -> "array[int]":
    """Those of the planned times that are for this load generator: the same plan, however many share it."""
    if (part := plan.part) is None:
        return times
    ours = range(part.first, part.first + plan.active)
    return array("q", (at for number, at in enumerate(times) if number % part.active in ours))


def _begin(plan: Plan, meeting: int | None) -> int:
    """Wait until all load generators begin; return how many nanoseconds late this one is."""
    return 0 if meeting is None else wait_until(meet(meeting), plan.spin)


def _exchange(generator: Generator, timetable: "array[int] | None", begin: int, until: int) -> float | None:
    """Load the server from `begin` to `until`.

    Returns how many requests a second were answered if the generator itself could not do more and fell behind the plan.
    """
    if timetable is None:
        generator.closed_loop(until)
        return None
    spare, answered = generator.open_loop(begin, until, timetable), len(generator.response_ns)
    behind = answered < _KEPT * len(timetable)
    return answered / (perf_ns() - begin) * SECOND if behind and spare < _LEAST_SPARE else None


def _hold(generator: Generator, timetable: "array[int] | None", begin: int, until: int) -> None:
    """Hold silent connections until then, asleep: turns of so many idle load generators would disturb the active."""
    time.sleep(max(0, until - perf_ns()) / SECOND)


class _Use(NamedTuple):
    cpu: CpuTime
    switches: dict[int, Switches]
    each: dict[int, float]
    """By the processes of a group, otherwise in sum."""
    waited_s: float
    """How long the first thread was held up: it could have run and had no core."""

    def busiest_s(self, before: "_Use") -> float:
        """The seconds of CPU time since then, of the process that used most: the one that can be saturated."""
        return max(used - before.each.get(pid, 0.0) for pid, used in self.each.items())


def server_used(before: _Use | None, after: _Use | None, seconds: float) -> dict[str, Any]:
    """What the server has used between two readings, as a part of what a run has seen; None where that is unknown."""
    if before is None or after is None:
        return dict.fromkeys(("server_cpu", "server_switches", "server_cpu_share", "server_waited_s"))
    cpu, switches = after.cpu.since(before.cpu), switched(before.switches, after.switches)
    share, alone = after.busiest_s(before) / seconds, len(after.switches) == 1  # several threads wait for one another
    waited = after.waited_s - before.waited_s if alone else None
    used = {"server_cpu": cpu, "server_switches": switches, "server_cpu_share": share}
    return used | {"server_waited_s": waited}


def server_use(plan: Plan) -> _Use | None:
    """What the server and the processes below it have used; None if it is unknown or gone."""
    if plan.server_pid is None:
        return None
    first, *others = [plan.server_pid, *plan.others] if plan.others else below(plan.server_pid)
    try:
        cpu, switches = cpu_time(first), context_switches(first)
    except ProcessLookupError:
        return None
    each = {first: cpu.total}
    for pid in others:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            more, switches = cpu_time(pid), switches | context_switches(pid)
            cpu, each[pid] = cpu.plus(more), more.total
    return _Use(cpu, switches, each if plan.others else {first: cpu.total}, held_up(first))
