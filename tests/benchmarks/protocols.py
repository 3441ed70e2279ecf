"""Our web server and our store on epoll, against those that people use: `http` and `resp`.

Requests for each second of a server's processor time, all contenders in each round, by `iomux.load`, which compares
every reply; new connections by wrk(1), as a browser without keep-alive makes them.
"""

import math
import re
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

from tqdm.auto import trange

import iomux
from iomux.harness.load.asking import Asking, http, resp
from iomux.harness.load.rounds import rotated
from iomux.processes.server import Server
from iomux.protocols.http import application, site
from iomux.protocols.resp import store
from tests.benchmarks.others.commands import STORES, WEB, Other
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
HTTP: Mapping[str, tuple[Asking | None, Mapping[str, float]]] = {
    "64 bytes": (http("/small"), {BEST: 2.5, "nginx": 0.5}),
    "64 bytes, a browser's fields": (http("/small", BROWSER), {BEST: 1.6}),
    "64 bytes, 16 pipelined": (http("/small", depth=16), {BEST: 3.5}),
    "a file of 1 KiB": (http("/page.html"), {BEST: 1.25, "nginx": 0.3}),
    "64 bytes, each on a new connection": (None, {BEST: 2.0, "nginx": 0.6}),
}
"""What is asked, None by wrk; and the bounds against others."""
SMALL = b"x" * 64
VALUE = "x" * 64
RESP: Mapping[str, tuple[Asking, Mapping[str, float]]] = {
    "GET": (resp("GET", "key"), {"Python": 1.25, "redis-server": 0.6}),
    "SET": (resp("SET", "key", VALUE), {"redis-server": 0.5}),
    "GET, 16 pipelined": (resp("GET", "key", depth=16), {"Python": 2.0, "redis-server": 0.15}),
    "SET, 16 pipelined": (resp("SET", "key", VALUE, depth=16), {}),
}
CONNECTIONS, SECONDS = 100, 1.5

Rates = dict[str, list[float]]


def web(rounds: int) -> Iterator[Line]:
    """HTTP/1.1, 100 of 100 connections active: requests for each second of the server's processor time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx reads it as another user
        (folder / "page.html").write_bytes(b"x" * 1024)
        for what, (asking, bounds) in HTTP.items():
            rate = yield from _compared(WEB, what, asking, folder, rounds)
            yield from _against(rate, what, bounds)


def stores(rounds: int) -> Iterator[Line]:
    """RESP, 100 of 100 connections active, values of 64 bytes: commands for each second of the server's CPU time."""
    with tempfile.TemporaryDirectory() as name:
        for what, (asking, bounds) in RESP.items():
            rate = yield from _compared(STORES, what, asking, Path(name), rounds)
            pythons = [other for other in rate if other not in (OURS, "redis-server")]
            best = max(pythons, key=lambda other: max(rate[other]), default="none")
            yield from _against(rate, what, {best if other == "Python" else other: at for other, at in bounds.items()})


def _compared(
    others: Sequence[Other], what: str, asking: Asking | None, folder: Path, rounds: int
) -> Generator[Line, None, Rates]:
    """Measure each contender in each round, in turn; say which are left out."""
    there = {other.name: other for other in others if not other.missing()}
    for other in others:
        if missing := other.missing():
            yield f"{other.name} is left out: {', '.join(missing)} is missing"
    rate: Rates = {name: [] for name in (OURS, *there)}
    for turn in trange(rounds, leave=False):
        for name in rotated(list(rate), turn):
            with _started(there.get(name), what, asking, folder) as server:
                rate[name].append(_by_wrk(server) if asking is None else _by_load(server, asking))
    for name, values in rate.items():
        yield Figure(f"{what}: {name}", [value / 1000 for value in values], "thousand")
    return rate


def _started(other: Other | None, what: str, asking: Asking | None, folder: Path) -> Server:
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


def _by_load(server: Server, asking: Asking) -> float:
    """Requests for each second of the server's processor time, as our generator counts them."""
    seen = iomux.load(server, CONNECTIONS, duration=SECONDS, protocol=asking)
    if seen.errors:
        raise RuntimeError(f"{server}: {seen.errors}")
    return asking.depth * 1e6 / (seen.cpu_us_per_request or float("nan"))


def _by_wrk(server: Server) -> float:
    """The same with a new connection for each request, as wrk counts them."""
    host, port = server.address
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{math.ceil(SECONDS)}", "-H", "Connection: close"]
    before = server.cpu().total
    done = subprocess.run([*command, f"http://{host}:{port}/small"], capture_output=True, text=True, check=True)
    used = server.cpu().total - before
    counted = re.search(r"(\d+) requests in", done.stdout)
    if not counted or "Non-2xx" in done.stdout:
        raise RuntimeError(f"{server}: {done.stdout}")
    return int(counted[1]) / used


def _against(rate: Rates, what: str, bounds: Mapping[str, float]) -> Iterator[Line]:
    """Ours against each one that there is a bound for."""
    for name, least in bounds.items():
        bound: Bound = at_least(least)
        yield Figure(f"{what}: ours / {name}", ratios(rate[OURS], rate[name]) if name in rate else [], "times", bound)
