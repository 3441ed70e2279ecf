"""Worlds for 11, when it breaks: bugs that cost only time, and what strace, ss and perf show."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tests.course.falsifiers.world import World

PAGE = "11_when_it_breaks.ipynb"
NAGLE = "with two small sends a request takes more than five times as long as with TCP_NODELAY"
SQUARE = "for four times the answer the server that copies its queue takes more than eight times as long"
THIRD = "the cured server sends the large answer in less than a third of that processor time"
MANY = "while nothing happens, the server with the bug makes more than a hundred system calls"
FEW = "while nothing happens, the cured server makes three at most"
CLOSED = "ss says of the client that is owed much that its window limits the server"
OPEN = "ss does not say so of the client that is owed little"
PERF = "perf sees the server with the bug wait and receive, again and again"
SILENT = "the server is told nothing of a client that vanished"
ASKED = "with SO_KEEPALIVE it is told, because the kernel asks"
NAP = {"poll": 30, "recvfrom": 30}
"""Of a server that asks every 10 ms, in the page's three tenths of a second."""
LIMITED, NOT_LIMITED = ["ESTAB", "0", "4162021", "rwnd_limited:500ms(100.0%)"], ["ESTAB", "0", "1", "cwnd:10"]


def spent(copies: tuple[float, float], moves: tuple[float, float]) -> Callable[[], dict[str, Any]]:
    """Milliseconds for 8 and for 32 MiB, of the server with the bug and of the cured one."""
    both = {"copies": copies, "moves": moves}
    return lambda: {name: {8: small, 32: large} for name, (small, large) in both.items()}


def idle(sick: dict[str, int], cured: dict[str, int]) -> Callable[[], dict[str, Any]]:
    return lambda: {"idle": {"with the bug": sick, "cured": cured}, "no_strace": ""}


def told(much: list[str], little: list[str]) -> Callable[[], dict[str, Any]]:
    return lambda: {"told": {"a mebibyte at a time": much, "a byte at a time": little}, "no_ss": ""}


def vanished(*told: int) -> Callable[[], dict[str, Any]]:
    """Which of the two sockets is readable: 0 the usual one, 1 the one with SO_KEEPALIVE."""
    return lambda: {"ends": [0, 1], "told": list(told), "no_repair": ""}


WORLDS = (
    World("a vanished client is announced", "vanish-verdicts", {SILENT: False, ASKED: True}, vanished(0, 1)),
    World("the kernel does not ask", "vanish-verdicts", {SILENT: True, ASKED: False}, vanished()),
    World(
        "no acknowledgement is delayed",
        "c53",
        {NAGLE: False},
        lambda: {"latencies": {"two": SimpleNamespace(p50_us=130.0), "one": SimpleNamespace(p50_us=100.0)}},
    ),
    World("a slice copies nothing", "c54-verdicts", {SQUARE: False, THIRD: False}, spent((12, 50), (11, 45))),
    World("all is slow, in proportion", "c54-verdicts", {SQUARE: False, THIRD: True}, spent((120, 500), (11, 45))),
    World("the cure copies half", "c54-verdicts", {SQUARE: True, THIRD: False}, spent((60, 900), (40, 450))),
    World("it asks every 10 ms", "tools-strace-verdicts", {MANY: False, FEW: True}, idle(NAP, {})),
    World(
        "the cured server asks every 10 ms",
        "tools-strace-verdicts",
        {MANY: True, FEW: False},
        idle({"poll": 2000, "recvfrom": 2000}, {"poll": 30}),
    ),
    World("the server is slow", "tools-ss-verdicts", {CLOSED: False, OPEN: True}, told(NOT_LIMITED, NOT_LIMITED)),
    World("a reader has no room either", "tools-ss-verdicts", {CLOSED: True, OPEN: False}, told(LIMITED, LIMITED)),
    World("it asks every 10 ms, by perf", "tools-perf-verdict", {PERF: False}, lambda: {"traced": NAP, "no_perf": ""}),
    World(
        "it waits and never receives",
        "tools-perf-verdict",
        {PERF: False},
        lambda: {"traced": {"poll": 9000}, "no_perf": ""},
    ),
)
