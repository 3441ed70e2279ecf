"""What theory says about a queue: how long a request waits until a server that does one thing at a time is free.

Requests arrive independently, `λ` a second, and each takes `S` seconds of the server: its utilisation is `ρ = λ · S`.
If a request finds the server busy, it waits, behind those that came before it. The mean wait is, for Poisson arrivals
and any service times (Pollaczek 1930, Khinchine 1932; Kleinrock, "Queueing Systems", volume 1, chapter 5),

    W = ρ · S · (1 + C²) / (2 · (1 - ρ))

where `C` is the standard deviation of the service times divided by their mean: 0 for a constant one (M/D/1), 1 for an
exponential one (M/M/1). At ρ = 0.5 a constant service time makes a request wait for half of it, at 0.9 for 4.5 times.

Cost: a formula; `work_left_ns` takes some 0.1 µs a request.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


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
