"""Which clients are let go when descriptors run short: those that have been idle longest, so that newcomers are served.

Cost: to look at all clients and to sort the idle ones; a small part of the time, however often somebody connects.
"""

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from iomux.servers.protocol.conversation import Conversation

LET_GO = 32
"""The most idle clients that are let go at once, and never more than every fourth: newcomers are idle, too."""
PAUSE_SECONDS = 20e-6
"""How long all clients are not looked at again, for each of them: a look takes some hundredth of that."""
SPARE = 8
"""With a protocol so many descriptors are not given to clients: replies open files."""


class Client(Protocol):
    """What is asked of a client."""

    @property
    def since(self) -> float:
        """When it was last heard, in seconds of time.monotonic()."""

    @property
    def talk(self) -> Conversation:
        """Its conversation."""


Carried = TypeVar("Carried", bound=Client)


class LongestIdle(Generic[Carried]):
    """The clients that may be let go, longest idle first. by_fd: all clients, kept by the caller."""

    def __init__(self, by_fd: Mapping[int, Carried]) -> None:
        self._by_fd = by_fd
        self._sorted: list[tuple[float, int]] = []
        self._look_at = 0.0

    def some(self, now: float) -> list[Carried]:
        """Some of them. All are looked at now and then, not at each call."""
        if not self._sorted and now >= self._look_at:
            self._look_at = now + PAUSE_SECONDS * len(self._by_fd)
            idle = ((client.since, fd) for fd, client in self._by_fd.items() if client.talk.idle)
            self._sorted = sorted(idle, reverse=True)
        found: list[Carried] = []
        while self._sorted and len(found) < min(LET_GO, 1 + len(self._by_fd) // 4):
            since, fd = self._sorted.pop()
            client = self._by_fd.get(fd)
            if client is not None and client.since == since and client.talk.idle:
                found.append(client)
        return found
