"""The hosts of a Dask cluster: which take part, what their clocks say, and what each does for its load generator.

A Dask worker starts it in a process of its own, and passes on when it is to begin.

In the worker itself it would share an interpreter lock with the worker's heartbeats. The process ends with the worker:
its lifeline is a pipe that the worker holds (`iomux.processes.spawn`). Owner and workers speak by a queue, in which
each says that it is ready, and a variable for each round, which has everybody's moment, by that host's own clock.
"""

import contextlib
import functools
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any, NamedTuple

from iomux.harness.load.plan import Plan, run
from iomux.processes.sharing.meeting import agree
from iomux.processes.worker import worker_reports
from iomux.system.features import DISTRIBUTION, install
from iomux.system.sockets import Address

_TRIPS = 9
_GIVEN_UP = "the run was given up by its owner"
_LOOK_SECONDS, _TOLD_SECONDS = 0.25, 2.0
ROUNDS = 2
"""They meet before the warm-up and before the measurement."""


class Clock(NamedTuple):
    """A host's `time.perf_counter_ns`, against this process's."""

    offset_ns: int
    error_ns: int
    """Half of the shortest round trip: the offset is known to this."""


def check_apart(client: Any, name: str, place: object) -> None:
    """Raise ValueError if load is to come from a Dask cluster and from a host of a network at once.

    Dask's workers are outside of that: an address in it is somebody else's there, and was never allowed.
    """
    if client is not None and place is not None:
        raise ValueError(
            f"client and {name} are both given: load comes from the hosts of a Dask cluster or of a network"
        )


def workers_of(client: Any, allow: Sequence[str], connections: int, processes: int) -> list[str]:
    """The Dask workers from whose hosts the load is to come; none without a client. Raises as `load`."""
    if client is None:
        if allow:
            raise ValueError("allow is for load from other hosts: give client, too")
        return []
    if processes != 1:
        raise ValueError("client and processes are both given: a Dask cluster has one load generator on each host")
    workers = hosts_of(client)
    if len(workers) > connections:
        raise ValueError(f"there are {len(workers)} hosts, but connections is {connections}: each needs one at least")
    return workers


def hosts_of(client: Any) -> list[str]:
    """The addresses of a Dask client's workers, one for each host. Raises as `iomux.load` for what can't do it."""
    try:
        from distributed import Client
    except ImportError:
        raise ImportError(f"client needs Dask, which is not installed: {install('cluster')}") from None
    if not isinstance(client, Client) or client.asynchronous:
        raise TypeError(f"client is {client!r}: give a distributed.Client that is not asynchronous")
    if client.status != "running":
        raise ValueError(f"client has no connection to its scheduler, it is {client.status}: make a new one")
    workers = client.scheduler_info(n_workers=-1)["workers"]
    one = {about["host"]: worker for worker, about in sorted(workers.items(), reverse=True)}
    if not one:
        raise ValueError("the Dask cluster has no worker: start one on each host (dask worker SCHEDULER)")
    chosen = sorted(one.values())
    told = client.get_versions(packages=[DISTRIBUTION])["workers"]
    for worker in chosen:
        check_versions(worker, told.get(worker, {}).get("packages", {}))
    return chosen


def check_versions(worker: str, packages: Mapping[str, str | None]) -> None:
    """Raise ValueError unless a worker has our Python, but for its last number, and our iomux; it names both."""
    ours = {"Python": ".".join(map(str, sys.version_info[:2])), "iomux": version(DISTRIBUTION)}
    python, theirs = packages.get("python") or "unknown", packages.get(DISTRIBUTION) or "none"
    found = {"Python": ".".join(python.split(".")[:2]), "iomux": theirs}
    if found != ours:
        here, there = (" and ".join(f"{name} {of}" for name, of in said.items()) for said in (ours, found))
        raise ValueError(f"the Dask worker {worker} has {there}, and this process {here}: they must be the same")


def check_reachable(workers: Sequence[str], target: Address) -> None:
    """Raise ValueError if the server is on this machine's loopback, which from another host is another machine's."""
    if ip_address(target[0]).is_loopback:
        for worker in workers:
            host = worker.rpartition("/")[2].rpartition(":")[0].strip("[]")
            if not ip_address(host).is_loopback:
                raise ValueError(
                    f"{target[0]} is another machine on the host of {worker}: let the server listen where the hosts "
                    "can reach it, and name that network in allow"
                )


def clock(client: Any, worker: str) -> Clock:
    """Compare a worker's clock with this process's, by the shortest of several round trips."""
    found = []
    for _ in range(_TRIPS):
        sent = time.perf_counter_ns()
        there = client.run(time.perf_counter_ns, workers=[worker], on_error="return").get(worker)
        back = time.perf_counter_ns()
        if isinstance(there, int):  # or it is lost, which the run will tell
            found.append(Clock(there - (sent + back) // 2, (back - sent) // 2))
    return min(found, key=lambda one: one.error_ns, default=Clock(0, 0))


def names(meeting: str) -> tuple[str, list[str]]:
    """The names of the queue and of the variables of one meeting."""
    return f"{meeting}-ready", [f"{meeting}-moment-{number}" for number in range(ROUNDS)]


def generate(plan: Plan, meeting: str, worker: str, seconds: float) -> dict[str, Any]:
    """Carry out one host's part of a load, as a task of its Dask worker; return what it has seen.

    seconds: how long each step may take. Raises RuntimeError if the load generator failed, or if the owner has given up
    or is gone: then Dask has cancelled this task, and the load generator is ended.
    """
    with contextlib.ExitStack() as stack:
        near, far = map(stack.enter_context, socket.socketpair())
        with far:
            job, what, fds = (run, plan, far.fileno()), f"the load generator at {worker}", (far.fileno(),)
            reports = stack.enter_context(worker_reports(*job, core=None, what=what, pass_fds=fds))
        for number in range(ROUNDS):
            if agree([near], seconds, functools.partial(_told, meeting, number, worker, seconds)) is not None:
                reports.next(1.0)  # raises with the reason
        until = time.monotonic() + seconds
        while not reports.ready(_LOOK_SECONDS) and time.monotonic() < until:
            _check_owner()
        found: dict[str, Any] = reports.next(0.0)
    return found


def _told(meeting: str, number: int, worker: str, seconds: float) -> int:
    """Say that this host is ready, and wait for its moment."""
    from distributed import Queue, Variable, get_client

    client = get_client()
    ready, moments = names(meeting)
    Queue(ready, client=client).put(worker)
    told, until = Variable(moments[number], client=client), time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(TimeoutError):
            if (moment := told.get(timeout=_TOLD_SECONDS).get(worker)) is None:
                raise RuntimeError(_GIVEN_UP)
            return int(moment)
        _check_owner()
    raise RuntimeError(f"the owner did not say within {seconds:.0f} s when to begin")


def _check_owner() -> None:
    """Raise RuntimeError if this task is cancelled: by its owner, or by the scheduler, because its owner is gone."""
    from distributed import get_worker
    from distributed.worker import thread_state

    task = get_worker().state.tasks.get(thread_state.key)
    if task is None or task.state == "cancelled":
        raise RuntimeError(_GIVEN_UP)
