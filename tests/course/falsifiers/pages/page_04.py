"""Worlds for 04, select: the call, the server, and its rest."""

import os
import select
import socket
import time
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import pandas as pd
import psutil

import iomux
from iomux.solutions.pages.page_servers import functions, server
from tests.course.falsifiers.world import World

PAGE = "04_select.ipynb"
Names = Callable[[], dict[str, Any]]


def asked(mask: list[str], whole: list[str]) -> Names:
    """What stands in the mask after the first call, and what a call with the whole list finds."""
    return lambda: {"in_mask": lambda _: mask, "mask": None, "who_is_ready": lambda: whole, "pairs": {}}


def without_limit() -> dict[str, Any]:
    """What the page's client can push into its server where that owes as much as comes, and never stops reading."""
    page, most = server(PAGE), 24 << 20
    page["HIGH_WATER_BYTES"] = 1 << 40
    push = functions(PAGE, "push", select=select, BLOCK=bytes(65536))["push"]
    with iomux.start(page["serve"]) as running, socket.create_connection(running.address) as client:
        client.setblocking(False)
        pushed = 0
        while pushed < most and (more := push(client, most - pushed)):  # it gives up soon, where the server has no core
            pushed += more
    return came_back(pushed, pushed)() | {"MOST": most}


def crowd(unserved: int, threads: int) -> Names:
    return lambda: {
        "crowd": SimpleNamespace(unserved=unserved, errors={}, connections=500, requests=9),
        "threads": threads,
    }


def came_back(count: int, pushed: int = 100) -> Names:
    """A pusher that has sent so many bytes and gets this many back."""
    rest = [bytes(count), b""]
    pusher = SimpleNamespace(
        shutdown=lambda _: None, setblocking=lambda _: None, close=lambda: None, recv=lambda _: rest.pop(0)
    )
    return lambda: {"pusher": pusher, "talker": pusher, "pushed": pushed, "MOST": 200}


def tape(a: dict[str, int]) -> Names:
    """The last round: what happens to A, and when; C is read at 140 ms."""
    rows = [("A", mark, 1000 * at, 3) for mark, at in a.items()] + [("C", "read", 140_000, 3)]
    frame = pd.DataFrame(rows, columns=["client", "mark", "at_us", "size_bytes"])
    return lambda: {"tape": frame.sort_values("at_us")}


def conversed(shown: tuple[bytes, bytes], heard: tuple[bytes, bytes]) -> Names:
    nothing = SimpleNamespace(close=lambda: None, shutdown=lambda: None)
    return lambda: {
        "shown": list(shown),
        "heard": list(heard),
        **dict(zip(("keyboard", "view", "screen"), [*os.pipe(), os.dup(0)], strict=True)),
        "pool": nothing,
        "near": nothing,
    }


NEWS, BYE, HELLO = b"news", b"goodbye", b"hello"


def naps(listener: socket.socket) -> None:
    """Wait for clients as the claim has it: ask all of them, nap for 10 ms, ask all of them again."""
    clients = [listener]
    while True:
        for ready in select.select(clients, [], [], 0)[0]:
            if ready is listener:
                clients.append(listener.accept()[0])
            elif data := ready.recv(100):
                ready.sendall(data)
            else:
                clients.remove(ready)
        time.sleep(0.01)


@cache
def napping() -> dict[str, Any]:
    """What the page's own `at_rest` says of it."""
    at_rest = functions(PAGE, "at_rest", psutil=psutil, time=time)["at_rest"]
    with iomux.start(naps) as running, socket.create_connection(running.address) as client:
        client.sendall(b"?")
        client.recv(1)
        used, woken = at_rest(running, 0.3)
    return {"doing": "sleeping", "used": used, "woken": woken}


def rest(woken: int = 0, used: float = 0.0, doing: str = "sleeping") -> dict[str, Any]:
    return {"doing": doing, "used": used, "woken": woken}


def grown(cost: dict[int, float]) -> pd.DataFrame:
    """A sweep in which a request costs this much processor time, by connections."""
    rows = [(count, us, us) for count, us in cost.items() for _ in range(3)]
    return pd.DataFrame(rows, columns=["connections", "cpu_us_per_request", "p50_us"])


LINE, FLAT = {1: 30.0, 300: 90.0, 600: 160.0, 1_000: 350.0}, dict.fromkeys((1, 300, 600, 1_000), 30.0)
SLEEPS, CHEAP = (
    "nothing woke the server while all its clients were silent",
    "a hundred silent clients cost the sleeping server next to no processor time",
)
ASKS, WALKS = "the server keeps asking while no client speaks", "each call goes through the whole list"


def cpu(cost: dict[int, float]) -> "pd.Series[float]":
    return grown(cost).groupby("connections")["cpu_us_per_request"].median()


OVER, WHOLE = "the kernel writes its answer over the question", "a call with the whole list finds ann, too"
SERVED, ONE = "all 500 clients were served, and none got a wrong byte", "one thread served all 500 clients"
LATE, FIRST = "the server answers A only after it has read from C", "the server asks select before it writes to A"
NEWS_FIRST, END_SEEN, REST_SHOWN = (
    "the news was shown while nobody typed",
    "the server saw the end of the input as no bytes",
    "what came after the end of the input was shown",
)
STOPPED, ALL_BACK = "the client that never reads was stopped", "every byte that the client pushed came back"
MANY, SINGLE = "many clients are served", "one thread serves all of them"
RIGHT_TAPE = {"read": 100, "room": 120, "write": 160}

WORLDS = (
    World(
        "the mask is kept",
        "a66e09b1",
        {OVER: False, WHOLE: True},
        asked(["ann", "bob", "eve"], ["ann", "eve"]),
    ),
    World("a report is an edge", "a66e09b1", {OVER: True, WHOLE: False}, asked(["eve"], ["ann"])),
    World("a server without a high-water mark", "3438fa6f", {STOPPED: False, ALL_BACK: True}, without_limit),
    World("a client is lost", "442618c6", {SERVED: False, ONE: True}, crowd(1, 1)),
    World("a thread each", "442618c6", {SERVED: True, ONE: False}, crowd(0, 501)),
    World("a client is lost, claim", "claim-04-1", {MANY: False, SINGLE: True}, crowd(1, 1)),
    World("a thread each, claim", "claim-04-1", {MANY: True, SINGLE: False}, crowd(0, 501)),
    World("a byte is lost", "3438fa6f", {STOPPED: True, ALL_BACK: False}, came_back(99)),
    World("A is answered first", "4f8039a7", {LATE: False, FIRST: True}, tape(RIGHT_TAPE | {"write": 121})),
    World("sent at once", "4f8039a7", {LATE: True, FIRST: False}, tape({"read": 100, "write": 160, "room": 161})),
    World(
        "a client that waits for its keyboard first",
        "two-sources-verdict",
        {NEWS_FIRST: False, END_SEEN: True, REST_SHOWN: True},
        conversed((b"", BYE), (HELLO, b"")),
    ),
    World(
        "a client that leaves its direction open",
        "two-sources-verdict",
        {NEWS_FIRST: True, END_SEEN: False, REST_SHOWN: True},
        conversed((NEWS, BYE), (HELLO, b"\x04")),
    ),
    World(
        "a client that leaves at the end of its input",
        "two-sources-verdict",
        {NEWS_FIRST: True, END_SEEN: True, REST_SHOWN: False},
        conversed((NEWS, b""), (HELLO, b"")),
    ),
    World("it naps and asks everybody", "4f9cdf33", {SLEEPS: False, CHEAP: True}, napping),
    World("it asks all the time", "4f9cdf33", {SLEEPS: False, CHEAP: False}, lambda: rest(0, 0.5, "running")),
    World("it naps, claim", "claim-04-3", {ASKS: True, WALKS: True}, lambda: napping() | {"cpu": cpu(LINE)}),
    World("it spins, claim", "claim-04-3", {ASKS: True, WALKS: True}, lambda: rest(0, 0.5) | {"cpu": cpu(LINE)}),
    World("the kernel keeps the list", "claim-04-3", {ASKS: False, WALKS: False}, lambda: rest() | {"cpu": cpu(FLAT)}),
    World(
        "a request costs the same among any number",
        "e3f75c46",
        {"a request among 1,000 takes twice the processor time": False},
        lambda: {"grown": grown(FLAT)},
    ),
)
