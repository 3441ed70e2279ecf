"""What all clients of one store share: databases, channels, the time, and what INFO counts."""

import math
from collections.abc import Callable
from typing import Any

from iomux.protocols.resp.base.channels import Channels
from iomux.protocols.resp.base.database import Database

DATABASES = 16
FORGOTTEN_AT_ONCE = 128
"""The most dead keys of a database that are forgotten in one go: it bounds the delay for clients."""


class Data:
    """The databases and channels of a store.

    unix: what to add to time.monotonic() for Unix time. earlier: is told of each moment, in seconds of
    time.monotonic(), at which `forget` may have to be called.
    """

    def __init__(self, unix: float, earlier: Callable[[float], None]) -> None:
        self.unix, self.now = unix, 0.0
        """`now`: the latest time.monotonic() that any client was told, so a reply that is made late is not of old."""
        self._earlier = earlier
        self.databases = [Database(self.milliseconds, self._deadline) for _ in range(DATABASES)]
        self.channels = Channels()
        self.said: dict[tuple[int, bytes | None], bytes] = {}
        """The message that is being published, as its listeners get it, by version and pattern."""
        self.sessions: dict[int, Any] = {}
        """The clients that are connected, by number."""
        self.since = 0.0
        """When the first client came."""
        self.clients = self.commands = 0
        """How many there were so far."""

    def milliseconds(self) -> int:
        """Unix time."""
        return int((self.now + self.unix) * 1000)

    def _deadline(self, milliseconds: int) -> None:
        self._earlier(self._when(milliseconds))

    def _when(self, milliseconds: int) -> float:
        return (milliseconds + 1) / 1000 - self.unix

    def forget(self) -> float:
        """Forget dead keys, some in one go; return when to go on."""
        deadlines = [database.forget(FORGOTTEN_AT_ONCE) for database in self.databases]
        return min((self._when(deadline) for deadline in deadlines if deadline is not None), default=math.inf)
