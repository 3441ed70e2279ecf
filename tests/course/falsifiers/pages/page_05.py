"""Worlds for 05, poll: the array, the server, its rest, and the whole list."""

import select
import socket
import time
from collections.abc import Callable
from functools import cache
from itertools import product
from types import SimpleNamespace
from typing import Any

import pandas as pd
import psutil

import iomux
from iomux.course.verdicts import unsteady
from iomux.solutions.pages.page_servers import functions
from tests.course.falsifiers.world import World

PAGE = "05_poll.ipynb"
Names = Callable[[], dict[str, Any]]
ROOM: dict[str, Any] = {"needs": [], "connections": 1}


def crowd(unserved: int, threads: int) -> Names:
    many = SimpleNamespace(unserved=unserved, errors={}, connections=2_000, requests=9)
    served = unserved == 0
    return lambda: {"crowd": many, "threads": threads, "served": served, "most": {"connections": 1}}


def between(ours: int, theirs: int) -> Names:
    return lambda: {"between": {"ours": ours, "the library's": theirs}}


def wakes_every_ten_ms(listener: socket.socket) -> None:
    """Ask all clients, with a time limit of 10 ms, for ever."""
    poller, socks = select.poll(), {listener.fileno(): listener}
    poller.register(listener, select.POLLIN)
    while True:
        for fd, _ in poller.poll(10):
            if fd == listener.fileno():
                client = listener.accept()[0]
                socks[client.fileno()] = client
                poller.register(client, select.POLLIN)
            elif data := socks[fd].recv(100):
                socks[fd].sendall(data)
            else:
                poller.unregister(fd)
                socks.pop(fd).close()


@cache
def asking() -> dict[str, Any]:
    """What the page's `at_rest` says of it."""
    at_rest = functions("04_select.ipynb", "at_rest", psutil=psutil, time=time)["at_rest"]
    with iomux.start(wakes_every_ten_ms) as running, socket.create_connection(running.address) as client:
        client.sendall(b"?")
        client.recv(1)
        used, woken = at_rest(running, 0.2)
    return {"used": used, "woken": woken}


def cpu(alone: float, among: float) -> "pd.Series[float]":
    return pd.Series({1: alone, 10_000: among})


def grown(alone: float, among: float) -> Names:
    rows = [(1, alone), (10_000, among)] * 3
    return lambda: {"grown": pd.DataFrame(rows, columns=["connections", "cpu_us_per_request"])}


RIGHT = {("one_for_all", 1_000): 200.0, ("one_for_all", 10_000): 200.0}
RIGHT |= {("different", 1_000): 500.0, ("different", 10_000): 700.0}


def entries(wrong: dict[tuple[str, int], float] | None = None) -> Names:
    """What an entry costs, in the right world but for what is `wrong`; the same with kept and with emptied caches."""
    costs = RIGHT | (wrong or {})
    rows = [
        {"entries": count, "sockets": sockets, "caches": caches, "ns": ns}
        for (sockets, count), ns in costs.items()
        for caches, _ in product(("kept", "emptied"), range(5))
    ]
    looks = pd.DataFrame(rows)
    each = looks.pivot_table("ns", ["sockets", "caches"], "entries", aggfunc="median")
    return lambda: {"looks": looks, "each": each, "room": {}, "unsteady": unsteady}


ANSWERED = "one thread served all 2,000 clients"
MANY, SINGLE = "many clients are served", "one thread serves all of them"
PUSHED_BACK = "one accept a round: the last newcomer waits while many others are served"
IN_TURN = "all accepted at once: the newcomers are served one after another"
DEAR = "a request among 10,000 costs poll more than 5 times as much as alone"
LONGER = "an entry of a longer list costs no more"
NO_DISCOUNT = "a look at ten times as many sockets costs at least five times as much"
OWN = "an entry with a socket of its own costs more"
ASKS, WALKS = "the server keeps asking while no client speaks", "each call goes through the whole list"
SLEEPS = {"used": 0.0, "woken": 0, "room": ROOM, "lost": ""}


def short(poll: dict[int, float], epoll: dict[int, float]) -> Names:
    """What a visit takes beside 1 and beside 300 silent clients."""
    rows = [(name, count, us) for name, took in (("poll", poll), ("epoll", epoll)) for count, us in took.items()]
    return lambda: {"short": pd.DataFrame(rows, columns=["server", "connections", "us"])}


FEW, CROWD = "with one silent client poll is faster", "with 300 silent clients epoll is faster"
FREE, TOLD = (
    "a poll object does not ask the kernel when it registers",
    "an epoll object asks the kernel when it registers",
)

WORLDS = (
    World("a client is lost", "a03c4ee2", {ANSWERED: False}, crowd(1, 1)),
    World("a thread each", "a03c4ee2", {ANSWERED: False}, crowd(0, 2_001)),
    World("a client is lost, claim", "claim-05-1", {MANY: False, SINGLE: True}, crowd(1, 1)),
    World("a thread each, claim", "claim-05-1", {MANY: True, SINGLE: False}, crowd(0, 2_001)),
    World("one accept a round costs nothing", "backlog-verdict", {PUSHED_BACK: False, IN_TURN: True}, between(39, 39)),
    World("all at once does not help", "backlog-verdict", {PUSHED_BACK: True, IN_TURN: False}, between(429, 429)),
    World("the list costs nothing", "66f32151", {DEAR: False}, grown(80, 81)),
    World(
        "an entry costs three times as much in a longer list",
        "sockets-verdict",
        {LONGER: False, NO_DISCOUNT: True, OWN: False},
        entries({("one_for_all", 10_000): 600.0}),
    ),
    World(
        "a discount of 60 per cent",
        "sockets-verdict",
        {LONGER: True, NO_DISCOUNT: False, OWN: True},
        entries({("different", 10_000): 200.0, ("one_for_all", 10_000): 100.0}),
    ),
    World(
        "a socket of its own costs nothing",
        "sockets-verdict",
        {LONGER: True, NO_DISCOUNT: True, OWN: False},
        entries({("different", 1_000): 200.0, ("different", 10_000): 200.0}),
    ),
    World(
        "it asks every ten ms, claim",
        "claim-05-3",
        {ASKS: True, WALKS: True},
        lambda: SLEEPS | asking() | {"cpu": cpu(80, 5_000)},
    ),
    World(
        "it spins, claim",
        "claim-05-3",
        {ASKS: True, WALKS: True},
        lambda: SLEEPS | {"used": 0.2, "cpu": cpu(80, 5_000)},
    ),
    World(
        "the kernel keeps the list", "claim-05-3", {ASKS: False, WALKS: False}, lambda: SLEEPS | {"cpu": cpu(80, 81)}
    ),
    World("both ask the kernel", "96ec6ea3", {FREE: False, TOLD: True}, lambda: {"notices": lambda _: True}),
    World("neither asks the kernel", "96ec6ea3", {FREE: True, TOLD: False}, lambda: {"notices": lambda _: False}),
    World(
        "telling the kernel costs nothing",
        "c9a24d24",
        {FEW: False, CROWD: True},
        short({1: 0.6, 300: 20.0}, {1: 0.6, 300: 0.6}),
    ),
    World(
        "a look at many costs nothing",
        "c9a24d24",
        {FEW: True, CROWD: False},
        short({1: 0.6, 300: 0.6}, {1: 1.3, 300: 1.3}),
    ),
)
