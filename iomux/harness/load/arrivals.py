"""When the requests of an open loop arrive: as an independent crowd sends them, or evenly spaced.

*Poisson*: people who do not know about each other. Whether one of them asks in the next millisecond does not depend
on when the last request came, so the gaps are exponential: many are short, a few are long, and requests come in
clumps. A server then queues long before it is full (Kleinrock, "Queueing Systems", volume 1, chapter 2).

*Even*: a metronome. Below its capacity a server with a constant service time never has two requests at once, so it
shows what a request costs without a queue, and hides what a crowd would wait for.

The plan is made before the run, in the load generator's process, from a seed: the same seed gives the same times, in
every version of Python, because only `random.Random.random` is used, whose sequence is guaranteed. Cost: some 0.25 µs
and 8 bytes a request, none of it during the run.
"""

import math
import os
from array import array
from random import Random

from iomux.system.limits import check_whole, did_you_mean

SPACINGS = ("poisson", "even")
_SECOND = 1_000_000_000


def choose(rate: float | None, arrivals: str | None, seed: int | None) -> tuple[str | None, int | None]:
    """Check the arguments of an open loop; return the spacing and the seed, by default Poisson and one that is drawn.

    A closed loop (no rate) has neither, and even spacing has no seed. Raises ValueError for what contradicts that.
    """
    if rate is None:
        for name, given in (("arrivals", arrivals), ("seed", seed)):
            if given is not None:
                raise ValueError(f"{name} is {given!r}, but a closed loop plans no arrivals: give a rate as well")
        return None, None
    if arrivals not in (None, *SPACINGS):
        near = did_you_mean(str(arrivals), SPACINGS)
        choose_from = "choose 'poisson' (an independent crowd) or 'even' (a metronome)"
        raise ValueError(f"arrivals is {arrivals!r}: {near}{choose_from}")
    if seed is not None:
        check_whole(seed=seed)
        if seed < 0:
            raise ValueError(f"seed is {seed}: choose 0 or more")
        if arrivals == "even":
            raise ValueError(f"seed is {seed}, but even arrivals draw nothing: leave out one of the two")
    if arrivals == "even":
        return "even", None
    return "poisson", int.from_bytes(os.urandom(4)) if seed is None else int(seed)


def planned_ns(rate: float, seconds: float, arrivals: str, draws: Random) -> "array[int]":
    """The planned times of one run, in nanoseconds from its beginning, in order, all of them before its end.

    rate: requests a second. arrivals: "poisson" or "even". draws: what the gaps of "poisson" are drawn from.

    Example:
    >>> from iomux.harness.load.arrivals import planned_ns
    >>> from random import Random
    >>> planned_ns(1_000, 0.003, "even", Random())
    array('q', [0, 1000000, 2000000])
    """
    end, gap = seconds * _SECOND, _SECOND / rate
    if arrivals == "even":
        count = math.ceil(end / gap * (1 - 1e-12))  # for a rate of 29 the quotient is a hair more than 29
        return array("q", (int(number * gap) for number in range(count)))
    plan, draw, log, at = array("q"), draws.random, math.log, 0.0
    while (at := at - gap * log(1.0 - draw())) < end:
        plan.append(int(at))
    return plan
