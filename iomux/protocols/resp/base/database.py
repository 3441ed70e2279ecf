"""A database: keys with typed values, of which some have a deadline, and some are watched.

A key whose deadline has passed is dead for every command from that moment on (it is looked at when somebody asks for
it), and it is forgotten though nobody asks: a heap has the deadlines in their order, and `forget` takes the dead ones
out, a bounded number at a time. An entry of the heap is not changed when its key's deadline is; it is compared when its
time comes. When more entries are stale than not, the heap is made anew. Source: redis.io, command EXPIRE, "How Redis
expires keys" (Redis itself samples keys at random, and may keep some of them longer).
"""

import heapq
from collections import deque
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from iomux.protocols.resp.base.refused import WRONG_TYPE, Refused
from iomux.protocols.resp.base.scanning import Scanner
from iomux.protocols.resp.base.sorted_set import SortedSet

Value: TypeAlias = bytes | deque[bytes] | dict[bytes, bytes] | set[bytes] | SortedSet
Kind = TypeVar("Kind", bytes, deque[bytes], dict[bytes, bytes], set[bytes], SortedSet)
_SLACK = 64
"""So many stale entries the heap may always have."""


class Database:
    """Keys, their values and their deadlines, in milliseconds of Unix time.

    milliseconds: tells the time. earlier: is told of each deadline that may be the next. Methods that take a key
    treat one that is dead as missing.

    Example:
    >>> from iomux.protocols.resp.base.database import Database
    >>> time = [1000]
    >>> database = Database(milliseconds=lambda: time[0], earlier=lambda deadline: None)
    >>> database.put(b"k", b"v"), database.expire(b"k", 2000), database.find(b"k")
    (None, None, b'v')
    >>> time[0] = 2000
    >>> database.find(b"k"), len(database.values)
    (None, 0)
    """

    def __init__(self, milliseconds: Callable[[], int], earlier: Callable[[int], None]) -> None:
        self.values: dict[bytes, Value] = {}
        self.deadlines: dict[bytes, int] = {}
        self.watchers: dict[bytes, dict[Callable[[], None], None]] = {}
        """Who is told, once, that a key has changed: set by WATCH."""
        self.scanner = Scanner()
        self.milliseconds, self._earlier = milliseconds, earlier
        self._heap: list[tuple[int, bytes]] = []

    def find(self, key: bytes) -> Value | None:
        """The value of a key, None if it has none."""
        if self.deadlines and key in self.deadlines and self.deadlines[key] <= self.milliseconds():
            self.drop(key)
            return None
        return self.values.get(key)

    def typed(self, key: bytes, kind: type[Kind]) -> Kind | None:
        """The value of a key if it is of that kind, None if it has none; raises Refused if it is of another."""
        value = self.find(key)
        if value is None or type(value) is kind:
            return value
        raise Refused(WRONG_TYPE)

    def made(self, key: bytes, kind: type[Kind]) -> Kind:
        """The value of a key, made if there is none. Call `changed` once something is in it."""
        value = self.typed(key, kind)
        if value is None:
            value = self.values[key] = kind()
        return value

    def put(self, key: bytes, value: Value) -> None:
        """Give a key a value, and take its deadline away."""
        if self.deadlines:
            self.deadlines.pop(key, None)
        self.values[key] = value
        if self.watchers:
            self.changed(key)

    def replace(self, key: bytes, value: Value) -> None:
        """Give a key a value; a deadline that it has stays."""
        self.values[key] = value
        if self.watchers:
            self.changed(key)

    def drop(self, key: bytes) -> bool:
        """Forget a key; say whether it was there."""
        self.deadlines.pop(key, None)
        there = self.values.pop(key, None) is not None
        if there and self.watchers:
            self.changed(key)
        return there

    def changed(self, key: bytes) -> None:
        """A value was changed in place: tell who watches it, and forget it if nothing is left in it."""
        value = self.values.get(key)
        if value is not None and type(value) is not bytes and not len(value):
            self.drop(key)
            return
        for tell in self.watchers.pop(key, {}):
            tell()

    def watch(self, key: bytes, tell: Callable[[], None]) -> None:
        """Call `tell` when that key is changed."""
        self.find(key)
        self.watchers.setdefault(key, {})[tell] = None

    def unwatch(self, key: bytes, tell: Callable[[], None]) -> None:
        """Call it no more."""
        told = self.watchers.get(key, {})
        told.pop(tell, None)
        if not told:
            self.watchers.pop(key, None)

    def expire(self, key: bytes, deadline: int) -> None:
        """A key that is there dies at that millisecond."""
        self.deadlines[key] = deadline
        if len(self._heap) > 2 * len(self.deadlines) + _SLACK:
            self._heap = [(when, name) for name, when in self.deadlines.items()]
            heapq.heapify(self._heap)
        else:
            heapq.heappush(self._heap, (deadline, key))
        self._earlier(deadline)
        if self.watchers:
            self.changed(key)

    def persist(self, key: bytes) -> bool:
        """Take a key's deadline away; say whether it had one."""
        if self.find(key) is None or self.deadlines.pop(key, None) is None:
            return False
        self.changed(key)
        return True

    def forget(self, most: int) -> int | None:
        """Forget at most so many dead keys; return the next deadline, None if there is none."""
        now = self.milliseconds()
        while self._heap and most:
            deadline, key = self._heap[0]
            if deadline > now:
                return deadline
            heapq.heappop(self._heap)
            most -= 1
            if self.deadlines.get(key) == deadline:
                self.drop(key)
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        """Forget all keys."""
        told = [key for key in self.watchers if key in self.values]
        self.values, self.deadlines, self._heap = {}, {}, []
        for key in told:
            self.changed(key)
