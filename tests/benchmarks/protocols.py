"""Our web server and our store on epoll, against those that people use: `http` and `resp`.

Requests for each second of a server's processor time, all contenders in each round: by `iomux.load`, which compares
every reply, and by wrk(1) and redis-benchmark, which are older than it and other people's.
"""

import math
import re
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tqdm.auto import trange

import iomux
from iomux.course.peers.catalogue import STORES, WEB, Other
from iomux.harness.load.asking import Asking, http, resp
from iomux.harness.load.rounds import rotated
from iomux.processes.server import Server
from iomux.protocols.http import application, site
from iomux.protocols.resp import store
from tests.benchmarks.runs import Runs
from tests.benchmarks.show import Bound, Figure, Line, at_least, ratios

OURS = "iomux on epoll"
BROWSER = (
    "Connection: keep-alive",
    'sec-ch-ua: "Chromium";v="120", "Not?A_Brand";v="8"',
    "sec-ch-ua-mobile: ?0",
    'sec-ch-ua-platform: "Linux"',
    "Upgrade-Insecure-Requests: 1",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Sec-Fetch-Site: none",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Dest: document",
    "Accept-Encoding: gzip, deflate, br",
    "Accept-Language: en-US,en;q=0.9",
)
"""The header fields that a browser sends."""
BEST = "uvicorn (httptools, uvloop)"
CONNECTIONS, MANY, SECONDS = 100, 1_000, 1.5
VALUE = "x" * 64

Attempt = Callable[[Callable[[], iomux.LoadResult]], iomux.LoadResult]
"""Runs a load, again if it was disturbed, and keeps its doubts (`Runs.of`)."""
Rate = Callable[[Server, Attempt], float]


class Case(NamedTuple):
    """What is asked, and how much of it a server answers in a second of its processor time."""

    rate: Rate
    bounds: Mapping[str, float] = {}
    """By another's name, the least that ours is to be of it."""
    often: int = 1
    """How many rounds are made for each that is asked for: more where one differs much from the next."""


def by_load(asking: Asking, connections: int = CONNECTIONS) -> Rate:
    """As our generator counts the requests, which compares every reply."""

    def rate(server: Server, attempt: Attempt) -> float:
        seen = attempt(partial(iomux.load, server, connections, duration=SECONDS, protocol=asking))
        if seen.errors:
            raise RuntimeError(f"{server}: {seen.errors}")
        return asking.depth * 1e6 / (seen.cpu_us_per_request or float("nan"))

    return rate


def by_wrk(*options: str) -> Rate:
    """As wrk(1) counts them."""

    def rate(server: Server, _: Attempt) -> float:
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{math.ceil(SECONDS)}", *options]
        printed, used = _run([*command, "http://{}:{}/small".format(*server.address)], server)
        counted = re.search(r"(\d+) requests in", printed)
        if not counted or "Non-2xx" in printed:
            raise RuntimeError(f"{server}: {printed}")
        return int(counted[1]) / used

    return rate


def by_redis_benchmark(command: str, requests: int) -> Rate:
    """As redis-benchmark counts them."""

    def rate(server: Server, _: Attempt) -> float:
        host, port = server.address
        line = ["redis-benchmark", "-h", host, "-p", str(port), "-c", str(CONNECTIONS), "-n", str(requests)]
        printed, used = _run([*line, "--csv", *command.split()], server)
        if "rps" not in printed:
            raise RuntimeError(f"{server}: {printed}")
        return requests / used

    return rate


def _run(command: list[str], server: Server) -> tuple[str, float]:
    """What a program prints, and the processor time that the server used meanwhile."""
    before = server.cpu().total
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout, server.cpu().total - before


HTTP: Mapping[str, Case] = {
    "64 bytes": Case(by_load(http("/small")), {BEST: 2.5, "nginx": 0.5}),
    "64 bytes, a browser's fields": Case(by_load(http("/small", BROWSER)), {BEST: 1.6}),
    "64 bytes, 16 pipelined": Case(by_load(http("/small", depth=16)), {BEST: 3.5}),
    "64 bytes, 1,000 connections": Case(by_load(http("/small"), MANY)),
    "64 bytes, by wrk": Case(by_wrk()),
    "a file of 1 KiB": Case(by_load(http("/page.html")), {BEST: 2.0, "nginx": 0.3}),
    "64 bytes, each on a new connection": Case(by_wrk("-H", "Connection: close"), {BEST: 2.0, "nginx": 0.6}, often=3),
}
RESP: Mapping[str, Case] = {
    "GET": Case(by_load(resp("GET", "key")), {"Python": 1.25, "redis-server": 0.6}),
    "SET": Case(by_load(resp("SET", "key", VALUE)), {"redis-server": 0.5}),
    "GET, 16 pipelined": Case(by_load(resp("GET", "key", depth=16)), {"Python": 2.0, "redis-server": 0.15}),
    "SET, 16 pipelined": Case(by_load(resp("SET", "key", VALUE, depth=16))),
    "GET, 1,000 connections": Case(by_load(resp("GET", "key"), MANY)),
    "GET, by redis-benchmark": Case(by_redis_benchmark("GET key", 50_000)),
}
SMALL = b"x" * 64

Rates = dict[str, list[float]]


def web(rounds: int) -> Iterator[Line]:
    """HTTP/1.1, 100 of 100 connections active: requests for each second of the server's processor time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx reads it as another user
        (folder / "page.html").write_bytes(b"x" * 1024)
        for what, case in HTTP.items():
            rate = yield from _compared(WEB, what, case.rate, folder, rounds * case.often)
            yield from _against(rate, what, case.bounds)


def stores(rounds: int) -> Iterator[Line]:
    """RESP, 100 of 100 connections active, values of 64 bytes: commands for each second of the server's CPU time."""
    with tempfile.TemporaryDirectory() as name:
        for what, (rate_of, bounds, often) in RESP.items():
            rate = yield from _compared(STORES, what, rate_of, Path(name), rounds * often)
            pythons = [other for other in rate if other not in (OURS, "redis-server")]
            best = max(pythons, key=lambda other: max(rate[other]), default="none")
            yield from _against(rate, what, {best if other == "Python" else other: at for other, at in bounds.items()})


def _compared(
    others: Sequence[Other], what: str, rate_of: Rate, folder: Path, rounds: int
) -> Generator[Line, None, Rates]:
    """Measure each contender in each round, in turn; say which are left out."""
    there = {other.name: other for other in others if not other.missing()}
    for other in others:
        if missing := other.missing():
            yield f"{other.name} is left out: {', '.join(missing)} is missing"
    rate: Rates = {name: [] for name in (OURS, *there)}
    runs = Runs(rounds * len(rate))
    for turn in trange(rounds, leave=False):
        for name in rotated(list(rate), turn):
            try:
                with _started(there.get(name), what, folder) as server:
                    rate[name].append(rate_of(server, partial(runs.of, name)))
            except RuntimeError as error:
                if name == OURS:
                    raise
                yield f"{what}: {name} is left out: {error}"
                del rate[name]
    for name, values in rate.items():
        yield Figure(f"{what}: {name}", [value / 1000 for value in values], "thousand")
        yield from runs.doubts(name)
    return rate


def _started(other: Other | None, what: str, folder: Path) -> Server:
    """A contender's server; None is ours. A store has its value."""
    if other is not None:
        server = iomux.start(other.command(folder))
    elif what in RESP:
        server = iomux.start("epoll", protocol=store())
    else:
        server = iomux.start("epoll", protocol=site(folder) if "file" in what else application(lambda _: SMALL))
    if what in RESP:
        iomux.load(server, duration=0.1, protocol=resp("SET", "key", VALUE))
    return server


def _against(rate: Rates, what: str, bounds: Mapping[str, float]) -> Iterator[Line]:
    """Ours against each one that there is a bound for."""
    for name, least in bounds.items():
        bound: Bound = at_least(least)
        yield Figure(
            f"{what}: ours / {name}",
            ratios(rate[OURS], rate[name]) if name in rate else [],
            "times",
            bound,
        )
