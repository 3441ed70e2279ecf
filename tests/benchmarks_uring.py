"""The benchmarks of io_uring; `python -m tests.benchmarks` runs them."""

from collections import defaultdict

from tqdm.auto import trange

import iomux
from tests.show import ratios, show

ACTIVE = 128


def who_copies(rounds: int) -> None:
    """32 × 4 MiB: whose processor time the copy is, and what overlaps with the application's computing."""
    result = iomux.who_copies(repeats=rounds)
    ways = {str(way): rows.set_index("round") for way, rows in result.frame.groupby("way", sort=False)}
    for way, rows in ways.items():
        for name in ("wall", "user", "system", "helpers", "calls"):
            show(f"{way}: {name}", rows[f"{name}_ms"].tolist(), "ms")
        for name in ("before", "meanwhile", "after", "syscalls"):
            show(f"{way}: {name}", rows[name].tolist())
    for way in [way for way in ways if way.startswith("io_uring ")]:
        for name in ("wall", "system", "calls"):
            both = (ways[at][f"{name}_ms"].tolist() for at in (way, "io_uring"))
            show(f"{way} / by default, in the same round: {name}", [100 * share for share in ratios(*both)], "%")
    for way, why in result.missing.items():
        print(f"{way}: not measured: {why}")


def uring(rounds: int) -> None:
    """io_uring against epoll: requests a second of server CPU, throughput, latency, system calls a request."""
    seen: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in trange(rounds, leave=False):
        for name in ("epoll", "io_uring"):
            for active in (1, ACTIVE):
                with iomux.start(name) as server:
                    result = iomux.load(server, connections=active, duration=1.0)
                calls = iomux.timeline(name, connections=active, active=active, requests=2000).attrs
                seen[f"{active} active: requests a second of CPU", name].append(
                    1e6 / (result.cpu_us_per_request or float("nan"))
                )
                seen[f"{active} active: requests a second", name].append(result.requests_per_s)
                seen[f"{active} active: median latency, µs", name].append(result.p50_us)
                total = sum(calls["syscalls_per_request"].values())
                seen[f"{active} active: system calls a request", name].append(total)
    for (what, name), values in seen.items():
        show(f"{name}, {what}", values)
    for what in dict.fromkeys(what for what, _ in seen):
        show(f"io_uring / epoll, {what}", ratios(seen[what, "io_uring"], seen[what, "epoll"]), "times")
