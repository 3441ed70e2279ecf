"""The pollers by name: select, poll and epoll, as used by the event loops, traced servers and `pass_along`."""

import select
from collections.abc import Callable

from iomux.servers import get
from iomux.servers.readiness import Poller
from iomux.servers.select_ import SelectPoller

_MAKE: dict[str, tuple[Callable[[], Poller], float]] = {
    "select": (SelectPoller, 1),
    "poll": (lambda: select.poll(), 1000),
    "epoll": (lambda: select.epoll(), 1),
}
"""A function that makes each poller, and one second in the unit of its timeout."""


def names() -> list[str]:
    """The names of all pollers, including those that this machine lacks."""
    return list(_MAKE)


def best() -> str:
    """The best poller of this machine for many clients: epoll, else poll, else select.

    Example:
    >>> from iomux.servers import pollers
    >>> pollers.best() in pollers.names()
    True
    """
    return next((name for name in reversed(_MAKE) if get(name).available()), "select")


def make(name: str) -> tuple[Poller, float]:
    """A new poller, and one second in the unit of its timeout. Raises LookupError if it is unknown or missing.

    Example:
    >>> from iomux.servers import pollers
    >>> poller, unit = pollers.make("poll")
    >>> unit
    1000
    """
    if name not in _MAKE:
        raise LookupError(f"no poller is called {name!r}: choose one of {', '.join(_MAKE)}")
    if reason := get(name).why_not():
        raise LookupError(f"{name} is not available here: {reason}")
    poller, unit = _MAKE[name]
    return poller(), unit
