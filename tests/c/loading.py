"""`iomux.load` with the C client as its load generator: the same run, the same readings, the same doubts.

The client cannot tell when it stood still itself; all else that speaks against a run is judged as for `iomux.load`.
"""

import subprocess
import time
from array import array
from collections.abc import Sequence
from typing import IO, Any

import iomux
from iomux.harness.load.generator import SECOND
from iomux.harness.load.plan import Plan, server_use, server_used
from iomux.harness.load.result import LoadResult, summarize
from iomux.processes.worker import free_core, run_in_worker
from iomux.system.disturbance.meanwhile import Watch
from iomux.system.disturbance.stillness import Stillness
from tests.c.programs import program

_BUDGET_S = 60


def c_load(
    server: iomux.Server,
    connections: int,
    active: int | None = None,
    size: int = 64,
    duration: float = 1.0,
    warmup: float = 0.2,
    spin: bool = False,
) -> LoadResult:
    """Load a running server in a closed loop, as `iomux.load` does, by the C client on another core.

    spin: it never sleeps, so its share of its core is 1, and whether it was the bottleneck shows in the server's share
    alone. Raises RuntimeError if a reply is wrong or does not come.
    """
    count = connections if active is None else active
    core = free_core(server)
    plan = Plan(server.address, connections, count, size, duration, warmup, None, 2.0, server.pid, core is not None)
    numbers = (plan.address[1], connections, count, size, warmup, duration, int(spin))
    command = [program("epoll_client"), *map(str, numbers)]
    seconds = _BUDGET_S + warmup + duration
    return summarize(plan, run_in_worker(_run, command, plan, core=core, seconds=seconds, what="the C client"))


def _run(command: Sequence[str], plan: Plan) -> dict[str, Any]:
    """One run, as `iomux.harness.load.plan.run` returns it. The client inherits this process's core."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdin
        assert client.stdout
        _line(client.stdout)
        watch, before, start = Watch(plan.server_pid), server_use(plan), time.perf_counter_ns()
        client.stdin.write(b"\n")
        client.stdin.flush()
        connect, begin, end, own = map(int, _line(client.stdout).split())
        after, meanwhile = server_use(plan), watch.over(Stillness(plan.active, 0.0), start)
        samples = array("q", client.stdout.read())
    seconds, own_s = (end - begin) / SECOND, own / SECOND
    return {
        "response_ns": samples,
        "service_ns": samples,
        "late_ns": array("q"),
        "seconds": seconds,
        "connect_s": connect / SECOND,
        "unserved": 0,
        "errors": {},
        "generator_cpu_share": own_s / seconds,
        "own_cpu_s": own_s,
        "meanwhile": meanwhile,
    } | server_used(before, after, seconds)


def _line(client: IO[bytes]) -> bytes:
    """Its next line. It has said on standard error, which is in the worker's log, why there is none."""
    if not (line := client.readline()):
        raise RuntimeError("the C client ended before it had measured")
    return line
