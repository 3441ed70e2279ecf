"""The benchmarks of the timeline; `python -m tests.benchmarks` runs them."""

import os
import select
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from tqdm.auto import trange

import iomux
from iomux.harness.timeline.phases import PHASES as ALL_PHASES
from iomux.servers import Serve, readiness
from iomux.system.machine import cpu_time
from tests.benchmarks.runs import Runs
from tests.benchmarks.show import Figure, Line, at_least, between, never_less_than, never_more_than, ratios

if TYPE_CHECKING:
    import socket

CROWD = 10_000
RECV_BOUNDS = dict.fromkeys([(100, "epoll"), (CROWD, "epoll"), (CROWD, "epoll after a walk")], between(0.75, 1.25))
"""The bound for poll's `recv`, by the number of connections and by what it is compared with."""
PHASES = ("notify", "recv", "handler", "send")


def timeline(rounds: int) -> Iterator[Line]:
    """3,000 requests of one client: the phases' sum against the client's own stopwatch, and the least phase."""
    for name in ("epoll", "poll"):
        seen: dict[str, list[float]] = defaultdict(list)
        for _ in trange(rounds, leave=False):
            frame = iomux.timeline(name, requests=3000)
            off = (frame["total_us"] / frame["response_us"] - 1).abs()
            seen["sum within 2 % of the stopwatch"].append(100 * (off < 0.02).mean())
            seen["rows without a stamp"].append(frame.attrs["missing_stamps"])
            phases = [f"{phase}_us" for phase in ALL_PHASES]
            seen["least phase"].append(frame[phases].min().min())
        bounds = (at_least(99), never_more_than(0), never_less_than(0))
        for label, unit, bound in zip(seen, ("%", "rows", "µs"), bounds, strict=True):
            yield Figure(f"{name}: {label}", seen[label], unit, bound)


def epoll_after_scan(listener: "socket.socket", handler: Any = iomux.echo) -> None:
    """epoll's server, with poll's scan of the whole list after each wait: the caches are as poll leaves them."""
    epoll, poll = select.epoll(), select.poll()

    def both(name: str, fd: int, *events: int) -> None:
        getattr(epoll, name)(fd, *events)
        getattr(poll, name)(fd, *(0 for _ in events))  # interest in no event, so that its scan ends in sleep

    def wait(timeout: float | None) -> list[tuple[int, int]]:
        ready = epoll.poll(timeout)
        poll.poll(1)  # as in poll's server: it scans, queues itself at every socket, sleeps, and scans again
        return ready

    methods = {name: partial(both, name) for name in ("register", "modify", "unregister")}
    readiness.run(listener, handler, cast(readiness.Poller, SimpleNamespace(poll=wait, **methods)), unit=1)


def phases(rounds: int) -> Iterator[Line]:
    """1 active of 10,000: notify's share under poll, and recv of poll, epoll, and epoll after poll's walk."""
    servers: dict[str, str | Serve] = {"poll": "poll", "epoll": "epoll", "epoll after a walk": epoll_after_scan}
    seen: dict[Any, list[float]] = defaultdict(list)
    for _ in trange(rounds, leave=False):
        for count in (100, CROWD):
            for name, target in servers.items():
                middle = iomux.timeline(target, connections=count, requests=200).median(numeric_only=True)
                for phase in PHASES:
                    seen[count, name, phase].append(middle[f"{phase}_us"])
                seen[count, name, "share"].append(100 * middle["notify_us"] / middle["total_us"])
    label = f"poll among {CROWD:,}: notify's share of the total"
    yield Figure(label, seen[CROWD, "poll", "share"], "%", at_least(90))
    for count in (100, CROWD):
        for name in servers:
            for phase in ("recv", "handler"):
                yield Figure(f"{name} among {count:,}: {phase}", seen[count, name, phase], "µs")
        for other in ("epoll", "epoll after a walk"):
            both = ratios(seen[count, "poll", "recv"], seen[count, other, "recv"])
            yield Figure(f"recv among {count:,}: poll / {other}", both, "times", RECV_BOUNDS.get((count, other)))


def known(rounds: int) -> Iterator[Line]:
    """Known delays: a handler that sleeps 5 ms, and 1 MiB instead of 64 bytes; by how much each phase moves."""
    bounds = {"handler": between(5000, 5500), "recv": between(-10, 10), "send": between(-10, 10)}
    cases: dict[str, dict[str, Any]] = {"5 ms": {"handler": _sleepy}, "1 MiB": {"size": 1 << 20}}
    seen: dict[Any, list[float]] = defaultdict(list)
    for _ in trange(rounds, leave=False):
        plain = iomux.timeline("epoll", requests=200).median(numeric_only=True)
        for case, how in cases.items():
            middle = iomux.timeline("epoll", requests=200, **how).median(numeric_only=True)
            for phase in PHASES:
                seen[case, phase].append(middle[f"{phase}_us"] - plain[f"{phase}_us"])
    for (case, phase), values in seen.items():
        yield Figure(f"{case}: {phase} moves by", values, "µs", bounds.get(phase) if case == "5 ms" else None)
    for phase in ("recv", "send"):
        more = [moved - handler for moved, handler in zip(seen["1 MiB", phase], seen["1 MiB", "handler"], strict=True)]
        yield Figure(f"1 MiB: {phase} moves more than handler by", more, "µs", at_least(50))


def _sleepy(data: bytes) -> bytes:
    time.sleep(0.005)
    return data


def untraced(rounds: int) -> Iterator[Line]:
    """The plain epoll server of this tree against that of the checkout in IOMUX_AGAINST, 100 of 100 active."""
    against = os.environ.get("IOMUX_AGAINST")
    if not against:
        raise SystemExit("untraced: set IOMUX_AGAINST to a checkout of the commit to compare with")
    rate: dict[str, list[float]] = {os.getcwd(): [], against: []}
    runs = Runs(0)
    for _ in trange(rounds, leave=False):
        for tree, values in rate.items():
            values.append(_requests_per_cpu_second(tree, runs))
    ours, theirs = rate.values()
    yield Figure("this tree: requests a second of server CPU", ours)
    yield Figure("the other: requests a second of server CPU", theirs)
    yield from runs.doubts()
    yield Figure("this tree / the other", ratios(ours, theirs), "times", at_least(0.95))


def _requests_per_cpu_second(tree: str, runs: Runs) -> float:
    """Both trees' servers are started in the same way: as a command, on the first core."""
    script = "import os, runpy; os.sched_setaffinity(0, {0}); runpy.run_module('iomux', run_name='__main__')"
    server = subprocess.Popen(
        [sys.executable, "-c", script, "serve", "epoll"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": tree},
        stdout=subprocess.PIPE,
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().decode().split()[-1]
        iomux.load(address, connections=100, duration=0.2)
        before = cpu_time(server.pid)
        result = iomux.load(address, connections=100, duration=1.0, warmup=0)
        runs.note(tree, result.doubts)
        return result.requests / cpu_time(server.pid).since(before).total
    finally:
        server.kill()
        server.communicate()
