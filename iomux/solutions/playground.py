"""Solutions of 13, Playground: large messages, idle connections, the best case of blocking, a sweep of delays."""

from collections.abc import Sequence

import iomux

_SECONDS = 1.0  # of a run: one tick to warm up, and one that counts


def exercise_1(sizes: Sequence[int] = (64, 1 << 20)) -> dict[tuple[str, int], float]:
    """Microseconds of server CPU per request, by mechanism and bytes; ten active clients, none idle."""
    lab = iomux.playground("poll", idle=0, active=10)
    runs = {
        (name, size): lab.choose(mechanism=name, size=size).run(_SECONDS)
        for size in sizes
        for name in ("poll", "epoll")
    }
    return {which: run.cpu_us_per_request for which, run in runs.items()}


def exercise_2(idle: Sequence[int] = (0, 100, 300, 1000)) -> dict[int, float]:
    """The processor time per request of poll as a multiple of epoll's, by the number of idle connections."""
    lab = iomux.playground("poll", active=1)
    ratios = {}
    for number in idle:
        poll, epoll = (lab.choose(mechanism=name, idle=number).run(_SECONDS) for name in ("poll", "epoll"))
        ratios[number] = poll.cpu_us_per_request / epoll.cpu_us_per_request
    return ratios


def exercise_3() -> dict[int, list[str]]:
    """The remarks on a run of `blocking`, by the number of active clients: one, then two."""
    lab = iomux.playground("blocking", idle=0)
    return {active: lab.choose(active=active).run(_SECONDS).remarks for active in (1, 2)}


def exercise_4(delays_ms: Sequence[float] = (0, 2, 5, 10)) -> dict[str, float]:
    """The growth of the median for each millisecond that the handler sleeps, with ten active clients."""
    lab = iomux.playground("threaded", idle=0, active=10)
    slopes = {}
    for name in ("epoll", "threaded"):
        lab.choose(mechanism=name)
        medians = [lab.choose(handler_ms=delay).run(_SECONDS).p50_us / 1000 for delay in delays_ms]
        slopes[name] = (medians[-1] - medians[0]) / (delays_ms[-1] - delays_ms[0])
    return slopes
