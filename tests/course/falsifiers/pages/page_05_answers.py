"""Worlds for 05, poll: its answers, its time limit, and what it does not see."""

import ctypes
import math
import os
import select
import socket
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psutil

from iomux.solutions.pages.page_servers import functions
from iomux.system.sockets import tcp_pair
from tests.course.falsifiers.world import World

PAGE = "05_poll.ipynb"
Names = Callable[[], dict[str, Any]]


def wiping() -> dict[str, Any]:
    """A poll that wipes the questions of those that are not ready, as select does; the rest is the page's."""
    page = functions(PAGE, "raw_poll", ctypes=ctypes, libc=ctypes.CDLL(None))

    def raw_poll(array: bytearray) -> int:
        found: int = page["raw_poll"](array)
        for entry in range(0, len(array), 8):
            if not any(array[entry + 6 : entry + 8]):
                array[entry : entry + 8] = bytes(8)
        return found

    return {"raw_poll": raw_poll, "ENTRY": "ihh"}


def always_readable() -> dict[str, Any]:
    """A pipe without its writer is readable, as one may expect: here it is /dev/zero."""
    return {"reader": os.open("/dev/zero", os.O_RDONLY)}


def poll_that_says(answer: object) -> Any:
    """The module select, with a poll object that always answers this."""
    made = SimpleNamespace(register=lambda *_: None, poll=lambda _: answer)
    return SimpleNamespace(**vars(select) | {"poll": lambda: made})


def forgotten() -> dict[str, Any]:
    """A socket that leaves poll's list when it is closed, as it leaves epoll's."""
    made_up = SimpleNamespace(fileno=lambda: 9, close=lambda: None)
    return {"select": poll_that_says([]), "socket": SimpleNamespace(socketpair=lambda: (made_up, made_up))}


def next_number() -> int:
    """The descriptor that the next socket gets: the lowest that is free."""
    number = os.dup(0)
    os.close(number)
    return number


def reused(number: Callable[[], int], reported: Callable[[int], object]) -> Names:
    """What the old socket's number was, and what poll reports when bytes have arrived at the new one."""

    def names() -> dict[str, Any]:
        old = number()
        poller = SimpleNamespace(poll=lambda _: reported(old))
        return {"number": old, "poller": poller, "gone": {}, "closed": 0, "_far": None, "close": _close_all}

    return names


def _close_all(socks: list[socket.socket | None]) -> None:
    for sock in filter(None, socks):
        sock.close()


def waited(by_select: float, by_poll: float) -> Names:
    return lambda: {"by_select": by_select, "by_poll": by_poll, "ear": None, "_mouth": None, "close": len}


def calls(rounded_up: Callable[[float], float], rounded_down: Callable[[float], float]) -> Names:
    """The page's loop, with other functions under the names of `math`."""
    count = functions(PAGE, "calls_until", select=select, time=time)["calls_until"]
    return lambda: {"math": SimpleNamespace(ceil=rounded_up, floor=rounded_down), "calls_until": count}


LIMIT_S = 0.6


def ticking(listener: socket.socket) -> None:
    """A limit for each client, found by asking all of them every ten milliseconds."""
    poller, until = select.poll(), {listener.fileno(): math.inf}
    socks = {listener.fileno(): listener}
    poller.register(listener, select.POLLIN)
    while True:
        for fd, _ in poller.poll(10):
            if fd == listener.fileno():
                client = listener.accept()[0]
                socks[client.fileno()], fd = client, client.fileno()
                poller.register(client, select.POLLIN)
            else:
                socks[fd].sendall(socks[fd].recv(100))
            until[fd] = time.monotonic() + LIMIT_S
        for fd in [fd for fd, when in until.items() if when < time.monotonic()]:
            poller.unregister(fd)
            del until[fd]
            socks.pop(fd).close()


def serving(serve: object) -> Names:
    """The page's two clients meet this server."""
    at_rest = functions("04_select.ipynb", "at_rest", psutil=psutil, time=time)["at_rest"]
    return lambda: {"serve_patiently": serve, "at_rest": at_rest}


def let_go(who: list[str], said: bytes = b"here I amstill here") -> Names:
    return lambda: {
        "silent": "silent", "talker": "talker", "let_go": who, "said": said, "woken_early": 0, "close": len
    }  # fmt: skip


def without_buffer(reports: bool = True) -> Names:
    """Two sockets of a TLS that keeps what is left in the kernel, as kernel TLS does; or of which poll says nothing."""

    def names() -> dict[str, Any]:
        near, far = tcp_pair()
        ours = SimpleNamespace(recv=near.recv, pending=lambda: 0, close=near.close)
        poller = select.poll()
        if reports:
            poller.register(near, select.POLLIN)
        return {"ours": ours, "theirs": far, "poller": poller, "close": _close_all}

    return names


ANN = "a second call with the same array finds ann, too"
NO_LOSS = "no byte was lost while the server was stopped"
SPINS = "a loop that reads only POLLIN goes round without sleeping"
MARKED = "poll marks the entry of a closed socket with POLLNVAL"
SAME_NUMBER, OLD_ENTRY = (
    "the new socket took over the old socket's number",
    "poll reports the new socket by the old entry",
)
HALF, SHORT = "select waited for half a second", "poll waited for less than a tenth as long as select"
UP, DOWN = "with the rest rounded up, one call is enough", "with the rest rounded down, the loop spins"
QUIET = "nothing woke the server before the first limit"
SILENT_FIRST = "the client that was silent was let go first"
STAYED = "the one that had spoken was still served"
ARRIVED, HELD, SILENCE = (
    "poll reports the socket when the bytes arrive",
    "after the first hundred, 900 are left in the library's buffer",
    "poll does not report the socket for them",
)

WORLDS = (
    World("the answer is written over the question", "84325fd1", {ANN: False}, wiping, before=("f8aea6c2",)),
    World("a byte is lost", "cae09fc3", {NO_LOSS: False}, lambda: {"answers": [100, 200, 299]}),
    World("the end of a pipe is POLLIN", "6de55ced", {SPINS: False}, always_readable),
    World("a closed socket leaves the list", "e5ef751b", {MARKED: False}, forgotten),
    World(
        "a number is never used twice",
        "39ef7da9",
        {SAME_NUMBER: False, OLD_ENTRY: True},
        reused(lambda: 999, lambda number: [(number, select.POLLIN)]),
    ),
    World(
        "poll knows the socket, not its number",
        "39ef7da9",
        {SAME_NUMBER: True, OLD_ENTRY: False},
        reused(next_number, lambda number: [(number, select.POLLNVAL)]),
    ),
    World("both count in milliseconds", "c8c75e4b", {HALF: False, SHORT: False}, waited(0.0005, 0.001)),
    World("both count in seconds", "c8c75e4b", {HALF: True, SHORT: False}, waited(0.5, 0.5)),
    World("one call is never enough", "rounding-verdict", {UP: False, DOWN: True}, calls(math.floor, math.floor)),
    World("rounded down it waits", "rounding-verdict", {UP: True, DOWN: False}, calls(math.ceil, math.ceil)),
    World(
        "it looks for silent clients every ten ms",
        "limits-verdict",
        {QUIET: False, SILENT_FIRST: True, STAYED: True},
        serving(ticking),
        before=("backlog-send", "backlog-come", "limits-run"),
    ),
    World("nobody is let go", "limits-verdict", {QUIET: True, SILENT_FIRST: False, STAYED: True}, let_go([])),
    World(
        "a word puts nothing off",
        "limits-verdict",
        {QUIET: True, SILENT_FIRST: False, STAYED: False},
        let_go(["silent", "talker"], b"here I am"),
    ),
    World(
        "the rest stays in the kernel", "tls-verdict", {ARRIVED: True, HELD: False, SILENCE: False}, without_buffer()
    ),
    World(
        "poll sees nothing of TLS", "tls-verdict", {ARRIVED: False, HELD: False, SILENCE: True}, without_buffer(False)
    ),
)
