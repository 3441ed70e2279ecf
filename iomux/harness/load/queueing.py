"""What theory says about a queue: how long a request waits until a server that does one thing at a time is free.

Requests arrive independently, `λ` a second, and each takes `S` seconds of the server: its utilisation is `ρ = λ · S`.
If a request finds the server busy, it waits, behind those that came before it. The mean wait is, for Poisson arrivals
and any service times (Pollaczek 1930, Khinchine 1932; Kleinrock, "Queueing Systems", volume 1, chapter 5),

    W = ρ · S · (1 + C²) / (2 · (1 - ρ))

where `C` is the standard deviation of the service times divided by their mean: 0 for a constant one (M/D/1), 1 for an
exponential one (M/M/1). At ρ = 0.5 a constant service time makes a request wait for half of it, at 0.9 for 4.5 times.

That is the mean over all plans that such a crowd could make. One run has one plan, whose own mean may be far from it:
of a thousand requests at ρ = 0.9 by a third and more. `work_found_us` says what its own plan predicts for a run.

Cost: a formula; the others take some 0.1 µs a request, and what it takes to make the plan again.
"""

from random import Random
from typing import TYPE_CHECKING

from iomux.harness.load.arrivals import planned_ns as plan_ns

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iomux.harness.load.result import LoadResult


def mean_wait_us(utilisation: float, service_us: float, variation: float = 0.0) -> float:
    """The mean time for which a request of a Poisson crowd waits before its service begins, in microseconds.

    utilisation: the share of its time in which the server works, from 0 to less than 1. service_us: its mean time for
    a request. variation: the standard deviation of its times divided by their mean (0: constant; 1: exponential).
    Raises ValueError for a utilisation for which there is no mean: from 1 on the queue grows for ever.

    Example:
    >>> from iomux.harness.load.queueing import mean_wait_us
    >>> mean_wait_us(0.5, 200), mean_wait_us(0.5, 200, variation=1)
    (100.0, 200.0)
    """
    if not 0 <= utilisation < 1:
        raise ValueError(f"utilisation is {utilisation}: from 0 to less than 1 a queue has a mean wait")
    return utilisation * service_us * (1 + variation**2) / (2 * (1 - utilisation))


def work_left_ns(planned_ns: "npt.ArrayLike", service_ns: "npt.ArrayLike") -> "npt.NDArray[np.float64]":
    """The work that each request of a plan finds, in nanoseconds, if one server takes them in order.

    planned_ns: when each arrives, in order. service_ns: for how long each is served, or one time for all. More than 0:
    for how long the request waits. Less: for how long the server has been idle, for the first one since 0. That is
    `wait + service - gap` of the one before (Lindley 1952). For a plan that was measured, this tells the chance in it
    from what the server did.

    Example:
    >>> from iomux.harness.load.queueing import work_left_ns
    >>> work_left_ns([0, 100, 200, 900], 200).tolist()
    [0.0, 100.0, 200.0, -300.0]
    """
    import numpy as np

    planned = np.asarray(planned_ns, dtype=np.float64)
    service = np.broadcast_to(np.asarray(service_ns, dtype=np.float64), planned.shape)
    change = np.concatenate([0.0 - planned[:1], service[:-1] - np.diff(planned)])  # from one request to the next
    total = np.cumsum(change)
    least = np.minimum.accumulate(np.concatenate([[0.0], total]))[:-1]  # idle time is no credit for later
    found: npt.NDArray[np.float64] = total - least
    return found


def work_found_us(result: "LoadResult", service_us: float, seconds: float) -> "npt.NDArray[np.float64]":
    """The work that each request of a run found by the run's own plan, in microseconds; see `work_left_ns`.

    result: of an open loop in one load generator, without a warm-up (its last requests would be found, too).
    service_us: the server's time for a request. seconds: the run's duration. The order is that of `response_ns`, if
    the server answers in the order of arrival. Raises ValueError for a run that has no such plan, or lost some of it.

    Example:
    >>> from iomux.harness.load.queueing import work_found_us
    >>> with iomux.start("poll") as server:
    ...     result = iomux.load(server, duration=0.1, warmup=0, rate=500, arrivals="even")
    >>> float(work_found_us(result, 200, seconds=0.1)[-1])
    -1800.0
    """
    if result.rate_per_s is None or result.arrivals is None or result.processes > 1:
        raise ValueError("the run has no plan of its own: it needs a rate, and one load generator")
    planned = plan_ns(result.rate_per_s, seconds, result.arrivals, Random(result.seed))
    if len(planned) != result.requests:
        raise ValueError(
            f"{result.requests:,} requests were answered of {len(planned):,} planned in {seconds:g} s: no reply can be "
            "assigned to its plan; give the run's duration, and more time for the last replies (deadline)"
        )
    return work_left_ns(planned, 1000 * service_us) / 1000
