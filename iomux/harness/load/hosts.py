"""One load from several hosts of a Dask cluster: a load generator on each, one moment at which all begin, one result.

The hosts' clocks are compared with this one's before and after, by round trips through Dask: an offset is known to half
the shortest of them, some milliseconds, and so is the moment at which a host begins. Each sample is a difference of one
clock, so no percentile depends on that. A host that is lost is counted, and the others go on.
"""

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from iomux.harness.load.doubts import Doubt
from iomux.harness.load.generator import SECOND
from iomux.harness.load.on_host import Clock, clock, generate, names
from iomux.harness.load.percentiles import SHARES, percentile
from iomux.harness.load.plan import Plan, server_use, server_used
from iomux.harness.load.together import bound, doubts_of_all, merge, parts
from iomux.processes.sharing.meeting import wait_until
from iomux.system.units import duration

LOST = "host lost"
"""The kind of error under which the connections of a lost host are counted."""
_LOOK_SECONDS = 0.05
_AHEAD_NS, _TRIPS_AHEAD = 50_000_000, 6
_UNSURE_SHARE = 0.02  # of a run: then it matters when a host began


class Host(NamedTuple):
    """What one host has seen; times in the unit of their name."""

    worker: str
    """The address of its Dask worker."""
    connections: int
    active: int
    requests: int
    p50_us: float
    p90_us: float
    p99_us: float
    max_us: float
    """NaN where there are too few samples, as in the result of all."""
    began_late_us: float
    """How long after the agreed moment it began, by its own clock."""
    clock_offset_ms: float
    """Its clock, minus this process's, before the run."""
    clock_error_ms: float
    clock_moved_ms: float
    """How much the offset had changed after the run."""
    lost: str
    """Why it has no samples; empty if it has."""

    def __str__(self) -> str:
        if self.lost:
            return f"{self.worker} was lost: {self.lost}"
        return f"{self.worker}: {self.requests:,} requests, median {self.p50_us:,.0f} µs, 99 % {self.p99_us:,.0f} µs"


class Seen(NamedTuple):
    """What all hosts have seen, and how it is judged: arguments of `iomux.harness.load.result.summarize`."""

    merged: dict[str, Any]
    found: list[Doubt]
    bound: bool
    hosts: tuple[Host, ...] = ()


def load_from_hosts(client: Any, workers: Sequence[str], plan: Plan, seconds: float, servers: int) -> Seen:
    """Carry out a plan from the hosts of these workers. Raises RuntimeError if all are lost, or the scheduler is."""
    plans = dict(zip(workers, parts(plan, len(workers)), strict=True))
    before = {worker: clock(client, worker) for worker in workers}
    unwatched = {worker: part._replace(server_pid=None) for worker, part in plans.items()}
    try:
        each, lost, used = _run(client, unwatched, before, plan, seconds)
    except OSError as error:
        raise RuntimeError(f"the Dask scheduler was lost during the run: {_in_words(error)}") from None
    if not each:
        raise RuntimeError(f"all hosts were lost: {'; '.join(f'{worker}: {why}' for worker, why in lost.items())}")
    after = {worker: clock(client, worker) for worker in each}
    for worker, seen in each.items():
        seen["moments_ns"] = tuple(at - before[worker].offset_ns for at in seen["moments_ns"])
    stayed = [plans[worker] for worker in each]
    first, *others = each.values()
    all_seen = [first | used, *others]
    merged = merge(stayed, all_seen)
    for worker in lost:
        merged["errors"][LOST] = merged["errors"].get(LOST, 0) + plans[worker].connections
        merged["unserved"] += plans[worker].active
    apart = len(stayed) + servers  # their cores are not ours, and not counted here
    found = [*_doubts(plan, lost, before, after), *doubts_of_all(stayed, all_seen, merged, servers, apart)]
    hosts = tuple(_host(w, plans[w], each.get(w), before[w], after.get(w, before[w]), lost.get(w, "")) for w in workers)
    return Seen(merged, found, bound(stayed, all_seen), hosts)


def _run(
    client: Any, plans: Mapping[str, Plan], clocks: Mapping[str, Clock], whole: Plan, seconds: float
) -> tuple[dict[str, dict[str, Any]], dict[str, str], dict[str, Any]]:
    """What each host that stayed has seen, why the others were lost, and what the server used meanwhile."""
    from distributed import Queue, Variable

    meeting = f"iomux-{uuid.uuid4().hex}"
    ready, rounds = names(meeting)
    queue, moments = Queue(ready, client=client), [Variable(name, client=client) for name in rounds]
    options = {"pure": False, "retries": 0, "allow_other_workers": False}
    tasks = {w: client.submit(generate, p, meeting, w, seconds, workers=[w], **options) for w, p in plans.items()}
    lost: dict[str, str] = {}
    try:
        for told in moments:
            _wait_until_ready(client, queue, tasks, lost, seconds)
            begin = time.perf_counter_ns() + _AHEAD_NS + _TRIPS_AHEAD * max(one.error_ns for one in clocks.values())
            told.set({worker: begin + clocks[worker].offset_ns for worker in tasks if worker not in lost})
        used = _use(whole, begin)
        return _results(client, tasks, lost, seconds), lost, used
    finally:
        with contextlib.suppress(Exception):  # the cluster itself may be gone
            for told in moments:
                told.set({})  # who still waits gives up
            client.cancel(list(tasks.values()))
            queue.close()
            for told in moments:
                told.delete()


def _use(plan: Plan, begin: int) -> dict[str, Any]:
    """Wait for the measurement and until its end; return what a server of ours has used in it."""
    wait_until(begin, spin=False)
    before = server_use(plan)
    wait_until(begin + int(plan.duration * SECOND), spin=False)
    return server_used(before, server_use(plan), plan.duration)


def _wait_until_ready(client: Any, queue: Any, tasks: Mapping[str, Any], lost: dict[str, str], seconds: float) -> None:
    waiting, until = set(tasks) - set(lost), time.monotonic() + seconds
    while waiting:
        if queue.qsize():
            waiting.discard(queue.get())
            continue
        time.sleep(_LOOK_SECONDS)
        lost |= _gone(client, {worker: tasks[worker] for worker in waiting}, time.monotonic() > until, seconds)
        waiting -= set(lost)


def _results(client: Any, tasks: Mapping[str, Any], lost: dict[str, str], seconds: float) -> dict[str, dict[str, Any]]:
    until = time.monotonic() + seconds
    while waiting := {worker: task for worker, task in tasks.items() if worker not in lost and not task.done()}:
        time.sleep(_LOOK_SECONDS)
        lost |= _gone(client, waiting, time.monotonic() > until, seconds)
    found = {}
    for worker, task in tasks.items():
        if worker not in lost:
            try:
                found[worker] = task.result(timeout=seconds)
            except Exception as error:  # whatever a cluster raises: this host has no samples
                lost[worker] = _in_words(error)
    return found


def _gone(client: Any, tasks: Mapping[str, Any], late: bool, seconds: float) -> dict[str, str]:
    """Those of the workers that are lost, and why."""
    here = client.scheduler_info(n_workers=-1)["workers"]
    found = {worker: "its Dask worker is gone" for worker in tasks if worker not in here}
    found |= {worker: _in_words(task.exception()) for worker, task in tasks.items() if task.status == "error"}
    return found | ({worker: f"it did not come within {seconds:.0f} s" for worker in tasks} if late else {})


def _in_words(error: BaseException | None) -> str:
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)


def _doubts(
    plan: Plan, lost: Mapping[str, str], before: Mapping[str, Clock], after: Mapping[str, Clock]
) -> Iterator[Doubt]:
    for worker, why in lost.items():
        yield Doubt(f"the host of {worker} was lost, and its part of the load with it: {why}", passing=False)
    for worker, then in after.items():
        moved, error = abs(then.offset_ns - before[worker].offset_ns), before[worker].error_ns + then.error_ns
        if moved > error:
            yield Doubt(f"the clock of {worker} moved by {duration(moved / 1000)} against ours", passing=True)
        if error > 2 * _UNSURE_SHARE * plan.duration * SECOND:
            yield Doubt(f"when {worker} began is known to {duration(error / 2000)} only", passing=True)


def _host(worker: str, plan: Plan, seen: dict[str, Any] | None, before: Clock, after: Clock, lost: str) -> Host:
    import numpy as np

    ordered = np.sort(np.frombuffer(seen["response_ns"] if seen else b"", dtype=np.int64)) / 1000
    p50, p90, p99 = (percentile(ordered, SHARES[name]) for name in ("p50", "p90", "p99"))
    most, late = float(ordered[-1]) if len(ordered) else float("nan"), seen["began_late_ns"] / 1000 if seen else 0.0
    moved = (after.offset_ns - before.offset_ns) / 1e6
    clocked = late, before.offset_ns / 1e6, before.error_ns / 1e6, moved
    return Host(worker, plan.connections, plan.active, len(ordered), p50, p90, p99, most, *clocked, lost)
