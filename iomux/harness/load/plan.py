"""One run of the load generator, in its own process: connect, warm up, measure, wait for the last replies."""

import contextlib
import gc
import time
from array import array
from collections import Counter
from random import Random
from typing import Any, NamedTuple

from iomux.harness.load.arrivals import planned_ns
from iomux.harness.load.asking import Asking
from iomux.harness.load.clients import connect, inspect_silent, spread, wait_until_accepted
from iomux.harness.load.generator import SECOND, Generator, perf_ns
from iomux.system.disturbance.meanwhile import Watch
from iomux.system.machine import CpuTime, Switches, below, context_switches, cpu_time, switched

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


def run(plan: Plan) -> dict[str, Any]:
    """Carry out one plan and return the measurements as plain values and arrays."""
    errors: Counter[str] = Counter()
    began = perf_ns()
    clients = connect(plan.address, plan.connections, plan.deadline, errors)
    connected = perf_ns()
    wait_until_accepted(plan.address, plan.server_pid)
    active = spread(clients, plan.active)
    generator = Generator(active, plan.size, plan.spin, errors, plan.asking)
    measured, before_it = _timetables(plan)
    gc.disable()  # a collection during the run would count as latency
    _server_use(plan)  # the first reading imports modules, which must not happen while a request is timed
    warm = perf_ns() + int(plan.warmup * SECOND)
    _exchange(generator, before_it, perf_ns(), warm)
    generator.end_warmup()
    watch = Watch(plan.server_pid)
    before, own_before, start = _server_use(plan), time.process_time(), perf_ns()
    end = start + int(plan.duration * SECOND)
    most_per_s = _exchange(generator, measured, start, end)
    generator.drain(plan.deadline)
    own, seconds = time.process_time() - own_before, (perf_ns() - start) / SECOND
    generator.still.ended(generator.now, [client.sent_ns for client in active if client.payload], end)
    after, meanwhile = _server_use(plan), watch.over(generator.still, start)
    server = None if before is None or after is None else after.cpu.since(before.cpu)
    inspect_silent([client for client in clients if not client.payload and client.sock.fileno() >= 0], errors)
    return {
        "response_ns": generator.response_ns,
        "service_ns": generator.service_ns if plan.rate else generator.response_ns,
        "late_ns": generator.late_ns,
        "seconds": (max(generator.now, end) - start) / SECOND,  # a server that stood still at the end did not do more
        "connect_s": (connected - began) / SECOND,
        "unserved": sum(not client.served for client in active) + plan.active - len(active),
        "errors": dict(errors),
        "server_cpu": server,
        "server_switches": None if before is None or after is None else switched(before.switches, after.switches),
        "generator_cpu_share": own / seconds,
        "server_cpu_share": None if server is None else server.total / seconds,
        "own_cpu_s": own,
        "most_per_s": most_per_s,
        "meanwhile": meanwhile,
    }


def _timetables(plan: Plan) -> "tuple[array[int], array[int]] | tuple[None, None]":
    """The planned times of the measurement and of the warm-up. The first depend on the seed, and not on the warm-up."""
    if plan.rate is None:
        return None, None
    spacing, draws = plan.arrivals or "even", Random(plan.seed)
    measured = planned_ns(plan.rate, plan.duration, spacing, draws)
    return measured, planned_ns(plan.rate, plan.warmup, spacing, draws)


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


class _Use(NamedTuple):
    cpu: CpuTime
    switches: dict[int, Switches]


def _server_use(plan: Plan) -> _Use | None:
    """What the server and the processes below it have used; None if it is unknown or gone."""
    if plan.server_pid is None:
        return None
    first, *others = below(plan.server_pid)
    try:
        cpu, switches = cpu_time(first), context_switches(first)
    except ProcessLookupError:
        return None
    for pid in others:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            cpu, switches = cpu.plus(cpu_time(pid)), switches | context_switches(pid)
    return _Use(cpu, switches)
