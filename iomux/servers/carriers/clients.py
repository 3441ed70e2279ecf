"""All clients of a loop that can set alarms: when each is late, and who is let go when descriptors run short.

An event loop, a scheduler of tasks and an io_uring can each call a function after some seconds, and that is all this
needs. An alarm that is set is not taken back: one that comes too early finds nothing due, and sets the next.

Cost: two comparisons for each request.
"""

import functools
import math
import time
from collections.abc import Callable
from typing import Any, Protocol

from iomux.servers.carriers.meeting import call_late
from iomux.servers.protocol import NEVER, Speaks
from iomux.servers.protocol.conversation import Conversation
from iomux.servers.protocol.deadlines import Deadlines
from iomux.servers.protocol.idle import SPARE, LongestIdle
from iomux.system.sockets import RETRY_SECONDS, descriptor_limit

_FACTORY = -1  # no descriptor: what belongs to no client

Alarm = Callable[[float, Callable[[], None]], Any]
"""`alarm(seconds, call)` calls a function once, after so many seconds."""


class Carried(Protocol):
    """A client as a loop carries it; since: when it was last heard, in seconds of time.monotonic()."""

    talk: Conversation
    since: float

    def late(self) -> None:
        """Call `talk.late`, and go on from there."""

    def wake(self) -> None:
        """Go on: something was said to it, or it is dropped."""


class Clients:
    """The clients of one factory; each is called when it is late, and so is the factory.

    alarm: calls a function later.
    """

    def __init__(self, speaks: Speaks, alarm: Alarm) -> None:
        self.speaks = speaks
        self._factory = speaks.factory
        self.at: dict[int, Carried] = {}
        """Each client by its descriptor."""
        self._idle = LongestIdle(self.at)
        self._alarm = alarm
        self._deadlines = Deadlines()
        self._looked_at = self._deadlines.looked_at
        self._next = NEVER
        """When the alarm comes that was set last."""
        self._full_with = math.inf
        """So many clients take nearly all descriptors."""
        self._looks_again = False

    def admit(self, fd: int, client: Carried) -> None:
        """A newcomer has got this descriptor; if hardly one is left, let some idle clients go."""
        self.at[fd] = client
        self._deadlines.note(fd, client.talk.due)
        self._set_alarm()
        if fd >= descriptor_limit() - SPARE:
            self._full_with = min(self._full_with, len(self.at))
        if len(self.at) >= self._full_with:  # by number: who comes next has the descriptor of one that was let go
            self._make_room()

    def _make_room(self) -> None:
        """Let some idle clients go; if there are none, look again later."""
        found = self._idle.some(time.monotonic())
        for client in found:
            client.talk.drop()
            client.wake()
        if not found and not self._looks_again:
            self._looks_again = True
            self._alarm(RETRY_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._looks_again = False
        if len(self.at) >= self._full_with:
            self._make_room()

    def note(self, fd: int) -> None:
        """Set an alarm for when this client is late. Call it after each call of its conversation."""
        if self.at[fd].talk.due < self._looked_at[fd] or self._factory.due < self._looked_at[_FACTORY]:
            self._deadlines.note(fd, self.at[fd].talk.due)
            self._set_alarm()

    def _set_alarm(self) -> None:
        self._deadlines.note(_FACTORY, self._factory.due)
        if self._deadlines.next < self._next:
            self._next = self._deadlines.next
            self._alarm(max(0.0, self._next - time.monotonic()), functools.partial(self._ring, self._next))

    def _ring(self, set_for: float) -> None:
        if set_for == self._next:
            self._next = NEVER
        for fd in self._deadlines.expired(time.monotonic(), self._due_of):
            if fd == _FACTORY:
                call_late(self._factory)
            elif fd in self.at:
                self.at[fd].late()
        self._set_alarm()

    def _due_of(self, fd: int) -> float | None:
        if fd == _FACTORY:
            return self._factory.due
        return self.at[fd].talk.due if fd in self.at else None
