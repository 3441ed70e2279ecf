"""The style of each mechanism: colour, marker and dash, the same in every figure, and the order of their names.

Lines differ in marker and dash as well as in colour. Colours: Okabe and Ito's palette, made for colour-blind readers
("Color Universal Design", 2008).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Style(NamedTuple):
    """How one mechanism is drawn everywhere."""

    color: str
    marker: str
    dash: str | tuple[int, tuple[int, ...]]


STYLES = {
    "blocking": Style("#000000", "s", "-"),
    "threaded": Style("#7f7f7f", "D", (0, (5, 1))),
    "nonblocking": Style("#CC79A7", "P", (0, (1, 1))),
    "select": Style("#E69F00", "^", "--"),
    "poll": Style("#D55E00", "v", "-."),
    "epoll": Style("#0072B2", "o", "-"),
    "epoll-et": Style("#56B4E9", "h", (0, (3, 1, 1, 1))),
    "generators": Style("#DC267F", "2", (0, (6, 1, 2, 1))),
    "coroutines": Style("#999933", "+", (0, (2, 2))),
    "asyncio": Style("#009E73", "X", (0, (4, 2))),
    "uvloop": Style("#8B6914", "*", ":"),
    "io_uring": Style("#5D3A9B", "p", (0, (8, 1, 2, 1))),
}
"""In the order in which the course comes to them, which is the order of every legend."""
LOOPS = {
    "libevent": Style("#1B4F72", "8", (0, (5, 2))),
    "mio": Style("#A04000", "H", (0, (4, 1))),
    "Go": Style("#00838F", "<", (0, (3, 2))),
    "Java NIO": Style("#B71C1C", ">", (0, (7, 2, 1, 2))),
    "Node": Style("#33691E", "d", (0, (5, 1, 1, 1))),
    "gevent": Style("#6A1B9A", "1", (0, (1, 1, 3, 1))),
    "Twisted": Style("#C2185B", "3", (0, (10, 2))),
    "Tornado": Style("#5D4037", "4", (0, (3, 3))),
    "trio": Style("#607D8B", "x", (0, (2, 3))),
}
"""Other people's loops, of `iomux.course.loops`."""
OTHERS = (
    Style("#882255", "x", (0, (12, 3))),
    Style("#44AA99", "<", (0, (2, 1))),
    Style("#332288", ">", (0, (9, 2, 1, 2, 1, 2))),
    Style("#AA4499", "d", (0, (1, 2))),
    Style("#117733", "s", (0, (6, 2))),
    Style("#B5485D", "P", (0, (4, 1, 1, 1))),
    Style("#4477AA", "^", (0, (8, 3))),
    Style("#661100", "h", (0, (1, 3))),
)
"""For servers that are neither: as many as one figure has room for."""


def style(server: str, among: Sequence[str] = ()) -> Style:
    """The style of a mechanism; any other server gets the next free one, by its order `among` those drawn."""
    if known := STYLES.get(server) or LOOPS.get(server):
        return known
    unknown = [name for name in dict.fromkeys(among) if name not in STYLES and name not in LOOPS]
    return OTHERS[unknown.index(server) % len(OTHERS) if server in unknown else 0]


def in_order(servers: Iterable[str]) -> list[str]:
    """Each name once, in the course's order; servers that it does not have come last, in the order given."""
    names, course = list(dict.fromkeys(servers)), [*STYLES, *LOOPS]
    return sorted(names, key=lambda name: course.index(name) if name in course else len(course))
