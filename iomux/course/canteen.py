"""The canteen: one guest, several dishes, and four ways to get them, simulated on a simulated clock.

The guest is the process, a dish is the data of one request, a counter is a socket. A dish is cooked whether or not
the guest stands there (bytes arrive from the network by themselves). To fetch it is the copy from the kernel's memory
into the process's. Nothing here is measured: it illustrates the four I/O models that the course measures elsewhere.

- blocking: stand at the counter of one dish after the other until it is ready (recv(2)).
- nonblocking: walk from counter to counter and ask at each (recv(2) with O_NONBLOCK).
- called: sit down; a buzzer says which dish is ready; fetch that one (poll(2), epoll(7)).
- served: sit down; a waiter brings the dish to the table (io_uring(7)).

Example:
>>> iomux.canteen.minutes(iomux.canteen.visit([4.0, 8.0])).loc["blocking"].to_dict()
{'waiting': 7.5, 'asking': 0.0, 'fetching': 1.0, 'free': 0.0, 'all': 8.5}
"""

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

FETCH_MINUTES = 0.5
"""The time to carry a dish from the counter to the table, for guest and waiter alike."""
ASK_MINUTES = 0.25
"""The time to ask at one counter whether the dish is ready."""


class Span(NamedTuple):
    """What the guest or the waiter did, from when to when in minutes, and for which dish (-1: for none)."""

    who: str
    doing: str
    """waiting (at a counter), asking, fetching, or free."""
    begin: float
    end: float
    dish: int = -1


Ready = Sequence[float]
"""For each dish by its number: the minute at which it is ready, counted from the guest's arrival."""


def cook(dishes: int, mean_minutes: float = 10.0, seed: int = 0) -> list[float]:
    """When each dish will be ready: exponential times, equal for equal seeds. Raises ValueError for no dishes.

    mean_minutes: the mean of these times. seed: of the random numbers.

    Example:
    >>> dishes = iomux.canteen.cook(3)
    >>> len(dishes), dishes == iomux.canteen.cook(3)
    (3, True)
    """
    if dishes < 1:
        raise ValueError(f"{dishes} dishes: order at least one")
    chance = random.Random(seed)
    return [chance.expovariate(1 / mean_minutes) for _ in range(dishes)]


def blocking(ready: Ready) -> list[Span]:
    """Stand at the counter of one dish after the other, in the order in which they were ordered."""
    spans, now = [], 0.0
    for dish, done in enumerate(ready):
        if done > now:
            spans.append(Span("guest", "waiting", now, done, dish))
            now = done
        spans.append(Span("guest", "fetching", now, now + FETCH_MINUTES, dish))
        now += FETCH_MINUTES
    return spans


def nonblocking(ready: Ready) -> list[Span]:
    """Ask at every counter in turn, again and again, and fetch each dish that is ready."""
    spans, now, missing = [], 0.0, list(range(len(ready)))
    while missing:
        for dish in tuple(missing):
            spans.append(Span("guest", "asking", now, now + ASK_MINUTES, dish))
            now += ASK_MINUTES
            if ready[dish] <= now:
                spans.append(Span("guest", "fetching", now, now + FETCH_MINUTES, dish))
                now += FETCH_MINUTES
                missing.remove(dish)
    return spans


def called(ready: Ready) -> list[Span]:
    """Stay seated until a dish is ready, and fetch it."""
    return _with_free_time(_carried("guest", ready))


def served(ready: Ready) -> list[Span]:
    """Stay seated: the waiter carries, one dish at a time, in the order in which they are ready."""
    carried = _carried("waiter", ready)
    return [Span("guest", "free", 0.0, carried[-1].end), *carried]


RESTAURANTS: dict[str, Callable[[Ready], list[Span]]] = {
    "blocking": blocking,
    "nonblocking": nonblocking,
    "called": called,
    "served": served,
}


def visit(ready: Ready) -> "pd.DataFrame":
    """The same dishes in each restaurant; one row a span: `restaurant`, `who`, `doing`, `begin`, `end`, `dish`.

    Example:
    >>> frame = iomux.canteen.visit(iomux.canteen.cook(3))
    >>> list(frame["restaurant"].unique())
    ['blocking', 'nonblocking', 'called', 'served']
    """
    import pandas as pd

    rows = [(name, *span) for name, restaurant in RESTAURANTS.items() for span in restaurant(ready)]
    frame = pd.DataFrame(rows, columns=["restaurant", *Span._fields])
    frame.attrs["ready"] = list(ready)
    return frame


def minutes(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The minutes that the guest spent on each activity in each restaurant; `all`: until the last dish was served.

    Example:
    >>> table = iomux.canteen.minutes(iomux.canteen.visit([4.0, 8.0]))
    >>> float(table.loc["called", "free"])
    7.5
    """
    guest = frame[frame["who"] == "guest"].assign(minutes=frame["end"] - frame["begin"])
    table = guest.pivot_table("minutes", "restaurant", "doing", aggfunc="sum", fill_value=0.0, sort=False)
    table["all"] = frame.groupby("restaurant")["end"].max()
    return table.reindex(columns=["waiting", "asking", "fetching", "free", "all"], fill_value=0.0)


def _carried(who: str, ready: Ready) -> list[Span]:
    spans: list[Span] = []
    for done, dish in sorted((done, dish) for dish, done in enumerate(ready)):
        begin = max(done, spans[-1].end if spans else 0.0)
        spans.append(Span(who, "fetching", begin, begin + FETCH_MINUTES, dish))
    return spans


def _with_free_time(busy: list[Span]) -> list[Span]:
    """The busy spans, and the free spans between them."""
    spans, now = [], 0.0
    for span in busy:
        if span.begin > now:
            spans.append(Span("guest", "free", now, span.begin))
        spans.append(span)
        now = span.end
    return spans
