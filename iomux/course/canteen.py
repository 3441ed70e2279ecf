"""The canteen: one guest, several dishes, and four ways to come by them; a simulation on a clock of its own.

The guest is the process, a dish is the data of one request, a counter is a socket. A dish is cooked whether or not
anybody stands there (bytes come from the network by themselves). To fetch it is the copy, from the kernel's memory into
the process's. Nothing here is measured: it is the picture of the four I/O models that the course measures elsewhere.

- blocking: order by order, stand at the counter until the dish is there (recv(2)).
- nonblocking: walk from counter to counter and ask at each (recv(2) with O_NONBLOCK).
- called: sit down; a buzzer says which dish is ready; fetch it (poll(2), epoll(7)).
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
"""From the counter to the table, for whoever carries the dish."""
ASK_MINUTES = 0.25
"""To ask at one counter whether the dish is there."""


class Span(NamedTuple):
    """What somebody did, from when to when, in minutes; for which dish, -1 for none."""

    who: str
    doing: str
    """waiting (at a counter), asking, fetching, or free."""
    begin: float
    end: float
    dish: int = -1


Ready = Sequence[float]
"""By the dish's number: the minute at which it is ready, counted from the guest's arrival."""


def cook(dishes: int, mean_minutes: float = 10.0, seed: int = 0) -> list[float]:
    """When each dish will be ready: exponential times, the same for the same seed. Raises ValueError for no dishes.

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
    """Stand at the counter of one dish after the other, in the order of the orders."""
    spans, now = [], 0.0
    for dish, done in enumerate(ready):
        if done > now:
            spans.append(Span("guest", "waiting", now, done, dish))
            now = done
        spans.append(Span("guest", "fetching", now, now + FETCH_MINUTES, dish))
        now += FETCH_MINUTES
    return spans


def nonblocking(ready: Ready) -> list[Span]:
    """Ask at every counter in turn, for ever, and fetch what is there."""
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
    """Sit down until some dish is ready, and fetch it."""
    return _free_beside(_carried("guest", ready))


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
    """How long the guest did what in each restaurant, in minutes, and `all`: when the last dish was on the table.

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


def _free_beside(busy: list[Span]) -> list[Span]:
    """The busy spans, and between them the free ones."""
    spans, now = [], 0.0
    for span in busy:
        if span.begin > now:
            spans.append(Span("guest", "free", now, span.begin))
        spans.append(span)
        now = span.end
    return spans
