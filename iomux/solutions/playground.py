"""Solutions of 13, Playground: large messages, the price of silence, the best case of blocking, a sweep of delays."""

from collections.abc import Sequence

import iomux

_SECONDS = 1.0  # of a run: a tick to warm up, and one that counts


def exercise_1(sizes: Sequence[int] = (64, 1 << 20)) -> dict[tuple[str, int], float]:
    """Microseconds of the server's processor time a request, by mechanism and bytes; ten active, nobody idle."""
    lab = iomux.playground("poll", idle=0, active=10)
    runs = {
        (name, size): lab.choose(mechanism=name, size_bytes=size).run(_SECONDS)
        for size in sizes
        for name in ("poll", "epoll")
    }
    return {which: run.cpu_us_per_request for which, run in runs.items()}


def exercise_2(idle: Sequence[int] = (0, 100, 300, 1000)) -> dict[int, float]:
    """By the number of idle connections: how many times the processor time of epoll a request costs poll."""
    lab = iomux.playground("poll", active=1)
    paid = {}
    for number in idle:
        poll, epoll = (lab.choose(mechanism=name, idle=number).run(_SECONDS) for name in ("poll", "epoll"))
        paid[number] = poll.cpu_us_per_request / epoll.cpu_us_per_request
    return paid


def exercise_3() -> dict[int, list[str]]:
    """What `blocking` is remarked on with, by the number of active clients: one, then two."""
    lab = iomux.playground("blocking", idle=0)
    return {active: lab.choose(active=active).run(_SECONDS).remarks for active in (1, 2)}


def exercise_4(delays_ms: Sequence[float] = (0, 2, 5, 10)) -> dict[str, float]:
    """By how many milliseconds the median grows for each millisecond that the handler sleeps, with ten active."""
    lab = iomux.playground("threaded", idle=0, active=10)
    slopes = {}
    for name in ("epoll", "threaded"):
        lab.choose(mechanism=name)
        medians = [lab.choose(handler_ms=delay).run(_SECONDS).p50_us / 1000 for delay in delays_ms]
        slopes[name] = (medians[-1] - medians[0]) / (delays_ms[-1] - delays_ms[0])
    return slopes
