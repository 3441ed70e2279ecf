"""The system calls that a running server makes for each request, counted by strace(1) while it is loaded."""

import time

import iomux
from iomux.course import strace

LEAST = 0.02
"""Calls for each request; what is rarer belongs to no request: a timer, the collection of garbage."""


def calls_per_request(line: str, seconds: float = 0.3) -> dict[str, float]:
    """By system call: how many for each request, the most frequent first; ten clients, all active."""
    with iomux.start(line) as server:
        iomux.load(server, connections=10, active=10, duration=seconds)  # what is done once, at first use, is done
        results = list[iomux.LoadResult]()

        def loaded() -> None:
            time.sleep(0.2)  # strace attaches itself to the other threads, too
            results.append(iomux.load(server, connections=10, active=10, duration=seconds, warmup=0))

        counted = strace.counted(server.pid, loaded)
    (result,) = results
    rates = {name: round(count / result.requests, 2) for name, count in counted.items()}
    return dict(sorted(((n, rate) for n, rate in rates.items() if rate >= LEAST), key=lambda one: -one[1]))
