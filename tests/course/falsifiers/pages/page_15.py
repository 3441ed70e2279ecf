"""Worlds for 15, a Redis in an evening."""

from types import SimpleNamespace
from typing import Any

import pandas as pd

from tests.course.falsifiers.world import World

PAGE = "15_a_redis_in_an_evening.ipynb"
TOOL = "redis-cli says the same bytes, and understands our OK"
CUTS = "wherever the stream is cut, the same commands are read"
MOMENT, KEPT = "a key ends at its moment, without a wait", "keys that nobody asks for are kept"
FORGETS = "with a moment of its own the store forgets them"
COUNT = "no count is lost, and none is given twice"
CALLS = "among sixteen a command takes less than an eighth of the system calls"
MIDDLE = "the message stands in the middle of the value"
ALL, LET_GO = "the good listener heard every message", "the one that never reads was let go"
SAME, ERROR = "ours and the library's say the same bytes", "both say that a name cannot be counted up"
SAVES, MORE = (
    "under epoll pipelining saves processor time",
    "redis-server gains more from it than the store under epoll",
)
PASSES = "the page's server passes ping, echo, set-get and unknown"
INLINE = "the page's server does not understand a command that is typed by hand"
FIRST = ["ping", "echo", "set-get", "unknown", "inline"]
RIGHT = [b"+OK\r\n", b"$1\r\nv\r\n", b"$-1\r\n"]


def overheard(said: bytes, printed: bytes) -> dict[str, Any]:
    return {"cli": "redis-cli", "said": b"*1\r\n", "overheard": lambda *words: (said, 5, printed)}


def published(heard_all: int, listeners: list[int]) -> dict[str, Any]:
    sock = SimpleNamespace(close=lambda: None)
    return {"heard_all": heard_all, "listeners": listeners, "good": sock, "deaf": sock, "talker": sock}


def both(incr: tuple[bytes, bytes] = (b"-ERR no\r\n", b"-ERR no\r\n"), ping: bytes = b"+PONG\r\n") -> dict[str, Any]:
    words = [("PING",), ("SET",), ("GET",)]
    return {"both": [(each, ping, b"+PONG\r\n") for each in words] + [(("INCR", "name"), *incr)]}


def race(epoll: tuple[float, float], real: tuple[float, float] = (147, 1_398)) -> dict[str, Any]:
    rows = [("epoll", *epoll), ("redis-server", *real)]
    return {"race": pd.DataFrame(rows, columns=["server", "1 at a time", "16 at a time"]), "real": "redis-server"}


def report(*failed: str, not_seen: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"first": FIRST, "mine": SimpleNamespace(failed=failed, not_seen=not_seen)}


def calls(alone: float, together: float) -> dict[str, Any]:
    return {"calls": {1: alone, 16: together}, "strace": SimpleNamespace(why_not=lambda: "")}


WORLDS = (
    World("it says it inline", "redis-wire-tool", {TOOL: False}, lambda: overheard(b"SET name ada\r\n", b"OK\n")),
    World("it expects a string", "redis-wire-tool", {TOOL: False}, lambda: overheard(b"*1\r\n", b"Error\n")),
    World("a line end ends a value", "redis-cuts-verdict", {CUTS: False}, lambda: {"readings": {"[a]", "[b]"}}),
    World(
        "a key ends too early",
        "redis-expiry-verdict",
        {MOMENT: False, KEPT: True, FORGETS: True},
        lambda: {"over_time": [*RIGHT[:1], b"$-1\r\n", b"$-1\r\n"], "kept": 1000, "left": 0},
    ),
    World(
        "each SET forgets what is over",
        "redis-expiry-verdict",
        {MOMENT: True, KEPT: False, FORGETS: True},
        lambda: {"over_time": RIGHT, "kept": 1, "left": 0},
    ),
    World(
        "nothing is ever forgotten",
        "redis-expiry-verdict",
        {MOMENT: True, KEPT: True, FORGETS: False},
        lambda: {"over_time": RIGHT, "kept": 1000, "left": 1000},
    ),
    World("two read the same value", "redis-incr-verdict", {COUNT: False}, lambda: {"numbers": [*range(1, 1000), 999]}),
    World("each command is sent alone", "redis-pipeline-verdict", {CALLS: False}, lambda: calls(4.0, 1.3)),
    World(
        "what is sent at once waits behind what is owed",
        "redis-middle-verdict",
        {MIDDLE: False},
        lambda: {"found": 20_000_013, "taken": 4_000_000, "value": bytes(20_000_013)},
    ),
    World(
        "the kernel takes all of the value",
        "redis-middle-verdict",
        {MIDDLE: False},
        lambda: {"found": 20_000_013, "taken": 20_000_013, "value": bytes(20_000_013)},
    ),
    World(
        "everybody waits for the deaf one",
        "redis-publish-verdict",
        {ALL: False, LET_GO: True},
        lambda: published(150, [2, 1]),
    ),
    World(
        "everything is kept for it", "redis-publish-verdict", {ALL: True, LET_GO: False}, lambda: published(300, [2, 2])
    ),
    World("ours says it otherwise", "redis-library-verdict", {SAME: False, ERROR: True}, lambda: both(ping=b"PONG")),
    World(
        "any text is a number",
        "redis-library-verdict",
        {SAME: True, ERROR: False},
        lambda: both(incr=(b":1\r\n", b":1\r\n")),
    ),
    World(
        "a command costs the same in a row", "redis-five-verdict", {SAVES: False, MORE: True}, lambda: race((104, 110))
    ),
    World(
        "Redis gains nothing", "redis-five-verdict", {SAVES: True, MORE: False}, lambda: race((104, 580), (147, 160))
    ),
    World(
        "one word is not known",
        "redis-assignment-verdict",
        {PASSES: False, INLINE: True},
        lambda: report("echo", "inline"),
    ),
    World(
        "nothing could be tried",
        "redis-assignment-verdict",
        {PASSES: False, INLINE: False},
        lambda: report("ping", not_seen=("echo", "set-get", "unknown", "inline")),
    ),
    World("lines are commands, too", "redis-assignment-verdict", {PASSES: True, INLINE: False}, report),
)
