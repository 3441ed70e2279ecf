"""The keys of `small_redis`: values, the moments at which they end, and the commands on them.

A heap has the moments, so that dead keys are forgotten though nobody asks. A key whose moment is put off leaves its old
entry there, which is found to be void when its turn comes. Cost: a dictionary's for each command, and the heap's for
each moment that is set.
"""

import heapq
import math
from collections.abc import Callable

Value = bytes | int | str | None
MOST_MS = (1 << 62) - 1
NO_NUMBER, SYNTAX = "value is not an integer or out of range", "syntax error"


class Keys:
    """The values of all clients, and the moments at which some of them end."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.until: dict[bytes, float] = {}
        self.moments: list[tuple[float, bytes]] = []

    def first_moment(self) -> float:
        """The first of the moments; one that was put off or ended meanwhile is found out by `forget`."""
        return self.moments[0][0] if self.moments else math.inf

    def forget(self, now: float) -> None:
        """Forget what is over."""
        while self.moments and self.moments[0][0] <= now:
            self.get(heapq.heappop(self.moments)[1], now)

    def get(self, key: bytes, now: float) -> bytes | None:
        """The value of a key; None if there is none, or no more."""
        if self.until.get(key, math.inf) <= now:
            self.drop(key)
        return self.values.get(key)

    def drop(self, key: bytes) -> None:
        """Forget a key."""
        self.values.pop(key, None)
        self.until.pop(key, None)

    def end_at(self, key: bytes, moment: float) -> None:
        """Let a key end at a moment."""
        self.until[key] = moment
        heapq.heappush(self.moments, (moment, key))


def set_(keys: Keys, now: float, key: bytes, value: bytes, *options: bytes) -> Value:
    """SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]."""
    wanted, moment = options_of(options, now)
    before = keys.get(key, now)
    told = before if b"GET" in wanted else "OK"
    if (b"NX" in wanted and before is not None) or (b"XX" in wanted and before is None):
        return before if b"GET" in wanted else None
    keys.values[key] = value
    if b"KEEPTTL" not in wanted:
        keys.until.pop(key, None)
    if moment < math.inf:
        keys.end_at(key, moment)
    return told


def options_of(options: tuple[bytes, ...], now: float) -> tuple[set[bytes], float]:
    """The options of SET by name, and the moment that they set."""
    wanted, moment, left = set[bytes](), math.inf, iter(options)
    for option in left:
        name = option.upper()
        wanted.add(name)
        if name in (b"EX", b"PX"):
            moment = now + span(next(left, None), 1000 if name == b"EX" else 1, "set")
        elif name not in (b"NX", b"XX", b"GET", b"KEEPTTL"):
            raise ValueError(SYNTAX)
    if {b"NX", b"XX"} <= wanted or len(wanted & {b"EX", b"PX", b"KEEPTTL"}) > 1:
        raise ValueError(SYNTAX)
    return wanted, moment


def span(word: bytes | None, unit_ms: int, command: str) -> float:
    """The seconds that a word names; for SET they must be more than none."""
    if word is None:
        raise ValueError(SYNTAX)
    milliseconds = integer(word) * unit_ms
    if abs(milliseconds) > MOST_MS or (command == "set" and milliseconds <= 0):
        raise ValueError(f"invalid expire time in '{command}' command")
    return milliseconds / 1000


def integer(word: bytes) -> int:
    """A whole number of 64 bits. Raises ValueError in Redis' words."""
    if not word.removeprefix(b"-").isdigit() or abs(int(word)) >= 1 << 63:
        raise ValueError(NO_NUMBER)
    return int(word)


def get(keys: Keys, now: float, key: bytes) -> Value:
    """GET key."""
    return keys.get(key, now)


def delete(keys: Keys, now: float, *names: bytes) -> Value:
    """DEL key ...: how many there were."""
    here = {key for key in names if keys.get(key, now) is not None}
    for key in here:
        keys.drop(key)
    return len(here)


def exists(keys: Keys, now: float, *names: bytes) -> Value:
    """EXISTS key ...: how many there are; one that is named twice counts twice."""
    return sum(keys.get(key, now) is not None for key in names)


def expire(keys: Keys, now: float, key: bytes, seconds: bytes) -> Value:
    """EXPIRE key seconds: whether there is such a key; in the past, it ends at once."""
    moment = now + span(seconds, 1000, "expire")
    if keys.get(key, now) is None:
        return 0
    keys.end_at(key, moment)
    return 1


def left(unit_s: float) -> "Command":
    """TTL key, PTTL key: what is left; -1 for a key without an end, -2 for none."""

    def ask(keys: Keys, now: float, key: bytes) -> Value:
        if keys.get(key, now) is None:
            return -2
        moment = keys.until.get(key)
        return -1 if moment is None else round((moment - now) / unit_s)

    return ask


def persist(keys: Keys, now: float, key: bytes) -> Value:
    """PERSIST key: whether it had an end."""
    return int(keys.get(key, now) is not None and keys.until.pop(key, None) is not None)


def incr(keys: Keys, now: float, key: bytes) -> Value:
    """INCR key."""
    value = integer(keys.get(key, now) or b"0") + 1
    if value >= 1 << 63:
        raise ValueError("increment or decrement would overflow")
    keys.values[key] = b"%d" % value
    return value


def flush(keys: Keys, now: float) -> Value:
    """FLUSHALL."""
    for key in [*keys.values]:
        keys.drop(key)
    return "OK"


Command = Callable[..., Value]
MANY = 1 << 20
COMMANDS: dict[bytes, tuple[Command, int, int]] = {
    b"PING": (lambda keys, now, word=None: word or "PONG", 0, 1),
    b"ECHO": (lambda keys, now, word: word, 1, 1),
    b"SET": (set_, 2, MANY),
    b"GET": (get, 1, 1),
    b"DEL": (delete, 1, MANY),
    b"EXISTS": (exists, 1, MANY),
    b"INCR": (incr, 1, 1),
    b"EXPIRE": (expire, 2, 2),
    b"TTL": (left(1), 1, 1),
    b"PTTL": (left(0.001), 1, 1),
    b"PERSIST": (persist, 1, 1),
    b"DBSIZE": (lambda keys, now: len(keys.values), 0, 0),
    b"FLUSHALL": (flush, 0, 0),
}
"""By name: the command, and how many words it takes at least and at most."""
