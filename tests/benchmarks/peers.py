"""The benchmarks against other loops: the best of each in `cpu`, every form of asyncio's and uvloop's in `peers`.

Requests for each second of processor time depend on how busy a server is: one that its load does not fill sleeps and is
woken, for few requests each time, and pays for that. `iomux.load` can't fill a server in C, which would count against
it. So a client in C loads all of them here, and it never sleeps, so that no server pays for waking it. What each server
used of its core is printed: near 100 % it was full.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import partial
from statistics import median

from tqdm.auto import trange

import iomux
from iomux.harness.load.rounds import rotated
from iomux.servers import Serve
from iomux.servers.forms.form import forms
from tests.benchmarks.runs import Runs
from tests.benchmarks.show import Figure, Line, at_least, ratios
from tests.c.loading import c_load
from tests.c.programs import CServer

FREED_BYTES = 1 << 20
"""More than asyncio's 256 KiB: once such a block was freed, malloc keeps asyncio's among its own (mallopt(3))."""
BOUNDS = {"uvloop": at_least(1.05), "asyncio": at_least(1.2), "C epoll": at_least(0.85)}
"""What epoll is to reach against the best form of each."""
REGISTERED = {"asyncio": "BufferedProtocol", "uvloop": "Protocol"}
"""The interface with which each loop is registered."""

Rates = Mapping[str, Sequence[float]]
"""Requests for each second of the server's processor time, one for each round, by the server's name."""


def cpu(rounds: int) -> Iterator[Line]:
    """100 of 100 active, 64 bytes: requests for each second of the server's processor time."""
    servers = {"C epoll": CServer(), **{name: name for name in ("epoll", "uvloop", "asyncio")}}
    rate = yield from _rates(servers, rounds)
    for name, bound in BOUNDS.items():
        yield Figure(f"epoll / {name}", ratios(rate["epoll"], rate[name]), "times", bound)


def peers(rounds: int) -> Iterator[Line]:
    """The same for each interface of asyncio and uvloop, in a fresh process and in one that has freed 1 MiB before."""
    fresh, freed = forms(), forms(FREED_BYTES)
    rate = yield from _rates({"epoll": "epoll", **{form.__name__: form for form in fresh + freed}}, rounds)
    for before, after in zip(fresh, freed, strict=True):
        both = ratios(rate[after.__name__], rate[before.__name__])
        yield Figure(f"{after.__name__} / {before.__name__}", both, "times")
    for loop in dict.fromkeys(form.loop for form in fresh):
        yield from _against_best(rate, loop)


def _against_best(rate: Rates, loop: str) -> Iterator[Line]:
    """The registered form and epoll, against that form of a loop, in either state, with the greatest median."""
    best = max((name for name in rate if name.startswith(f"{loop} ")), key=lambda name: median(rate[name]))
    registered = f"{loop} {REGISTERED[loop]}"
    yield Figure(f"{registered} (registered) / {best}", ratios(rate[registered], rate[best]), "times", at_least(0.9))
    yield Figure(f"epoll / {best}", ratios(rate["epoll"], rate[best]), "times", BOUNDS[loop])


def _rates(servers: Mapping[str, str | Serve], rounds: int) -> Generator[Line, None, Rates]:
    """Load each server in each round, in turn; say what was measured, and what speaks against it."""
    rate: dict[str, list[float]] = {name: [] for name in servers}
    full: dict[str, list[float]] = {name: [] for name in servers}
    runs = Runs(rounds * len(servers))
    for turn in trange(rounds, leave=False):
        for name, target in rotated(list(servers.items()), turn):
            result = runs.of(name, partial(_loaded, target))
            each = result.cpu_us_per_request or float("nan")
            rate[name].append(1e6 / each)
            full[name].append(100 * each * result.requests_per_s / 1e6)
    for name, values in rate.items():
        yield Figure(f"{name}: requests a second of server CPU", values)
        yield Figure(f"{name}: used of its core", full[name], "%")
        yield from runs.doubts(name)
    return rate


def _loaded(target: str | Serve) -> iomux.LoadResult:
    """A run of a new process: in one that has been loaded before, a client has left, which changes asyncio's malloc."""
    with iomux.start(target) as server:
        return c_load(server, connections=100, spin=True)
