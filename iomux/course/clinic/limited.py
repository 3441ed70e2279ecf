"""A poll object that decides itself how long it waits, for the bugs whose subject is the time limit."""

import select
from collections.abc import Callable

Ready = list[tuple[int, int]]
Wait = Callable[["select.poll"], Ready]
"""Calls the object's `poll` with a time limit, and returns what is ready."""


class Limited:
    """A `select.poll()` object whose waiting call is this function; the loop itself sets no limit."""

    def __init__(self, wait: Wait) -> None:
        self._list, self._wait = select.poll(), wait
        self.register, self.modify, self.unregister = self._list.register, self._list.modify, self._list.unregister

    def poll(self, _: float | None, /) -> Ready:
        """Wait as long as the function says."""
        return self._wait(self._list)
