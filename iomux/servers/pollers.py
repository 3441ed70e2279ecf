"""The pollers by name: what the readiness loop, a traced server and the scaling workload run on."""

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
"""How each is made, and one second in the unit of its timeout."""


def names() -> list[str]:
    """The names of the pollers, those that this machine lacks included."""
    return list(_MAKE)


def best() -> str:
    """The poller that suits many clients best, of those this machine has: epoll, else poll, else select.

    Example:
    >>> from iomux.servers import pollers
    >>> pollers.best() in pollers.names()
    True
    """
    return next((name for name in reversed(_MAKE) if get(name).available()), "select")


def make(name: str) -> tuple[Poller, float]:
    """A new poller, and one second in the unit of its timeout. Raises LookupError where there is none of that name.

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
