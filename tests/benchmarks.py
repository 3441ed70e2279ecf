"""What the README's "Measured" section states, measured again: `python -m tests.benchmarks NAME [--rounds N]`.

Each benchmark interleaves what it compares within a round, repeats the rounds, and prints the median, the
least and the greatest. A ratio is taken within each round, between neighbours in time, before its median.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial

from tqdm.auto import trange

import iomux
from iomux.harness.beside import beside, core_beside
from iomux.harness.copy_result import FITTED_BYTES, CopyCost, summarize
from iomux.harness.copy_rounds import measure
from iomux.harness.copy_ways import WAYS, Bench, Trial, recv_into
from iomux.harness.copying import SIZES
from iomux.harness.machine import describe
from iomux.servers import Serve
from tests import benchmarks_timeline, benchmarks_uring
from tests.show import ratios, show
from tests.yardstick import CServer, c_client

MILLION = 1_000_000
LEAST_NS_PER_KIB = 0.1
"""The smallest slope that `copy` can tell from none: 0.1 µs over 1 MiB, less than the spread of a median."""


def flat(rounds: int) -> None:
    """One active connection: median latency alone and among 10,000, of poll and of epoll."""
    p50: dict[tuple[str, int], list[float]] = {(name, n): [] for name in ("poll", "epoll") for n in (1, 10_000)}
    for _ in trange(rounds, leave=False):
        for (name, connections), values in p50.items():
            with iomux.start(name) as server:
                values.append(iomux.load(server, connections, active=1, duration=1.0).p50_us)
    for (name, connections), values in p50.items():
        show(f"{name}, 1 active of {connections:,}: median latency", values, "µs")
    for name in ("poll", "epoll"):
        show(f"{name}: among 10,000 / alone", ratios(p50[name, 10_000], p50[name, 1]), "times")


def cpu(rounds: int) -> None:
    """100 of 100 active, 64 bytes: requests for each second of the server's processor time."""
    servers: dict[str, str | Serve] = {"C epoll": CServer(), **{name: name for name in ("epoll", "uvloop", "asyncio")}}
    rate: dict[str, list[float]] = {name: [] for name in servers}
    for _ in trange(rounds, leave=False):
        for name, target in servers.items():
            with iomux.start(target) as server:
                result = iomux.load(server, connections=100, duration=1.0)
                rate[name].append(1e6 / (result.cpu_us_per_request or float("nan")))
    for name, values in rate.items():
        show(f"{name}: requests a second of server CPU", values)
    for name in ("uvloop", "asyncio", "C epoll"):
        show(f"epoll / {name}", ratios(rate["epoll"], rate[name]), "times")


def generator(rounds: int) -> None:
    """The load generator against a bare C epoll client on the same epoll server."""
    for active, what in ((1, "median latency"), (100, "requests a second")):
        ours: list[float] = []
        theirs: list[float] = []
        for _ in trange(rounds, leave=False):
            with iomux.start("epoll") as server:
                result = iomux.load(server, connections=100, active=active, duration=1.0)
                c = c_client(server.address, 100, active, 64, 1.1)
            ours.append(result.p50_us if active == 1 else result.requests_per_s)
            theirs.append(c.p50_us if active == 1 else c.requests_per_s)
        show(f"{active} of 100 active, iomux.load: {what}", ours)
        show(f"{active} of 100 active, C client: {what}", theirs)
        show(f"{active} of 100 active, iomux.load / C client", ratios(ours, theirs), "times")


def million(rounds: int) -> None:
    """A million requests through epoll and through io_uring, every byte compared; the server's memory around them."""
    for name in [name for name in iomux.names() if name in ("epoll", "io_uring")] * rounds:
        with iomux.start(name) as server:
            iomux.load(server, connections=100, duration=1.0)
            before, requests, lost = server.rss_bytes, 0, 0
            with trange(MILLION, leave=False, unit="request") as bar:
                while requests < MILLION:
                    result = iomux.load(server, connections=100, duration=2.0)
                    requests += result.requests
                    lost += sum(result.errors.values()) + result.unserved
                    bar.update(result.requests)
            grown = (server.rss_bytes - before) / 1024
        print(f"{name}: {requests:,} requests, {lost} lost or wrong, server memory grew by {grown:,.0f} KiB")


def copy(rounds: int) -> None:
    """A receive by size, 4 KiB to 1 MiB: what the call costs, what each KiB does, and the same under MSG_TRUNC."""
    costs: list[CopyCost] = []
    asides: list[CopyCost] = []
    for _ in trange(rounds, leave=False):
        costs.append(iomux.copy_cost(progress=False))
        asides.append(_asides())
    fitted = {(how, what): [float(cost.fits[what][how]) for cost in costs] for how in WAYS for what in costs[0].fits}
    for how in WAYS:
        show(f"{how}: slope", fitted[how, "ns_per_kib"], "ns/KiB")
    show_control(fitted["recv_into", "ns_per_kib"], fitted["recv_into MSG_TRUNC", "ns_per_kib"])
    show("recv_into: R², in hundredths", [100 * value for value in fitted["recv_into", "r_squared"]])
    for how in ("recv_into", "recv_into MSG_TRUNC"):
        show(f"{how}: a call", fitted[how, "call_us"], "µs")
    show("the copy outweighs the call from", [cost.crossover_bytes / 1024 for cost in costs], "KiB")
    medians = [cost.frame.set_index(["size_bytes", "how"])["median_us"][FITTED_BYTES[1]] for cost in asides]
    show("recv_into, 1 MiB: 8 bytes off a page / on it", [found["off"] / found["on"] for found in medians], "times")
    show(
        "recv_into that takes the bytes: slope", [float(cost.fits["ns_per_kib"]["taken"]) for cost in asides], "ns/KiB"
    )


def show_control(copied: Sequence[float], discarded: Sequence[float]) -> None:
    """The ratio of two slopes: a lower bound in those rounds in which the second is too small to be told from none."""
    bounded = sum(slope < LEAST_NS_PER_KIB for slope in discarded)
    show("recv_into / MSG_TRUNC: slope", ratios(copied, [max(s, LEAST_NS_PER_KIB) for s in discarded]), "times")
    if bounded:
        print(f"  in {bounded} of them it is at least that: under MSG_TRUNC less than {LEAST_NS_PER_KIB} ns/KiB")


def taken(bench: Bench, size: int) -> Trial:
    """A receive as servers do it: it takes the bytes, frees the kernel's buffers, and may acknowledge."""
    target, data = bench.target[:size], bench.payload[:size]
    call = partial(bench.loopback.near.recv_into, target, size)
    return Trial(partial(bench.loopback.hold, data), call, int, lambda _: None, lambda _: target == data)


def _asides() -> CopyCost:
    """What `iomux.copy_cost` leaves out, in a process of its own."""
    ways = {"on": recv_into, "off": partial(recv_into, offset=8), "taken": taken}
    sizes = [size for size in SIZES if FITTED_BYTES[0] <= size <= FITTED_BYTES[1]]
    seen = beside(measure, ways, sizes, 50, core=core_beside(None), seconds=60, what="the measurement of asides")
    return summarize(sizes, [seen], {})


BENCHMARKS: dict[str, tuple[Callable[[int], None], int]] = {
    "flat": (flat, 5),
    "cpu": (cpu, 15),
    "generator": (generator, 15),
    "million": (million, 1),
    "copy": (copy, 5),
    "timeline": (benchmarks_timeline.timeline, 5),
    "phases": (benchmarks_timeline.phases, 5),
    "known": (benchmarks_timeline.known, 5),
    "untraced": (benchmarks_timeline.untraced, 10),
    "who_copies": (benchmarks_uring.who_copies, 20),
    "uring": (benchmarks_uring.uring, 5),
}


def main() -> None:
    """Run the named benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--rounds", type=int, help="how often everything is measured")
    options = parser.parse_args()
    run, rounds = BENCHMARKS[options.name]
    print(f"{run.__doc__}\n{describe()}")
    run(options.rounds or rounds)


if __name__ == "__main__":
    main()
