"""The deadlines of all clients of a loop: one heap, with one entry for each descriptor, looked up lazily.

A client's deadline moves at each of its requests, nearly always to later. So its entry stays where it is, and only when
its time has come is it compared with the deadline of then, and put back. An entry belongs to a descriptor, whose number
the next client gets: clients that come and go leave no entries behind. Cost: a comparison for each request.

Source: the heap is that of the library reference, heapq.
"""

import heapq
from collections.abc import Callable

from iomux.servers.protocol import NEVER


class Deadlines:
    """When to look at which descriptor.

    Example:
    >>> from iomux.servers.protocol.deadlines import Deadlines
    >>> due = {7: 1.0}
    >>> deadlines = Deadlines()
    >>> deadlines.note(7, due[7])
    >>> due[7] = 3.0
    >>> deadlines.next, deadlines.expired(2.0, due.get), deadlines.next, deadlines.expired(3.0, due.get)
    (1.0, [], 3.0, [7])
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self.looked_at: dict[int, float] = {}
        """When the deadline of each descriptor that was noted is looked at next; math.inf: never."""

    @property
    def next(self) -> float:
        """When to call `expired`, in seconds of time.monotonic(); math.inf: never."""
        return self._heap[0][0] if self._heap else NEVER

    def note(self, fd: int, due: float) -> None:
        """The client at descriptor `fd` has this deadline now. Call it whenever it may have become earlier."""
        if due < self.looked_at.setdefault(fd, NEVER):
            self.looked_at[fd] = due
            heapq.heappush(self._heap, (due, fd))

    def expired(self, now: float, due_of: Callable[[int], float | None]) -> list[int]:
        """The descriptors whose deadline has come, each once. due_of: the deadline of a descriptor, None: unused."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            due, fd = heapq.heappop(self._heap)
            if self.looked_at[fd] != due:  # an earlier one was noted after this one
                continue
            self.looked_at[fd] = NEVER
            current = due_of(fd)
            if current is not None and current <= now:
                found.append(fd)
            elif current is not None:
                self.note(fd, current)
        return found
