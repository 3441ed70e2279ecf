"""Worlds for 07: one or a hundred of ten thousand connections are active. `page_07_all` and `page_07_loops` go on."""

import os
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import pandas as pd
import psutil

import iomux
from iomux.servers import Serve
from iomux.servers.connection import Handler, echo
from iomux.servers.poll_ import serve
from tests.course.falsifiers.world import World, sources

PAGE = "07_latency_against_concurrency.ipynb"
LEVELS = (1, 10, 100, 300, 1_000, 3_000, 10_000)
CROWD = {"connections": 10_000}
LISTS = {level: 80.0 + level / 2 for level in LEVELS}
"""What a request takes, in microseconds, of a server that looks at every connection."""
READY = dict.fromkeys(LEVELS, 80.0)
"""The same of a server that is told which of them are ready."""

CLIMBS = "poll takes more than five times as long among 10,000 connections as with one"
STAYS = "epoll takes less than five times as long among 10,000 connections as with one"
ENDS = "select cannot watch 10,000 connections, because its limit is FD_SETSIZE"
DEARER = "from 1 to 10,000 connections poll's processor time per request grows more than fivefold"
LEVEL = "from 1 to 10,000 connections epoll's processor time per request grows less than twofold"
MOST = "under poll, notifying the server takes most of a request's time among 10,000 connections"
LONGER = "under poll, notifying takes over three times as long with 10,000 connections as with 100"
FALLS = "with 100 active clients instead of one, poll's processor time per request falls by two thirds"
HELD, ONE = "all were held", "by one thread"


def swept(
    poll: Mapping[int, float] = LISTS, epoll: Mapping[int, float] = READY, refusal: str = "its limit is FD_SETSIZE"
) -> dict[str, Any]:
    """A sweep with one active client: what a request takes, and why select has no row with 10,000 connections."""
    costs = {"poll": poll, "epoll": epoll, "select": {10_000: float("nan")}}
    rows = [(name, level, us, refusal) for name, by in costs.items() for level, us in by.items() for _ in range(3)]
    frame = pd.DataFrame(rows, columns=["server", "connections", "p50_us", "reason"])
    return {"one_active": frame.assign(cpu_us_per_request=frame["p50_us"], doubts=""), "crowd": CROWD}


def phases(notify_us: Mapping[int, float], rest_us: float = 60.0) -> dict[str, Any]:
    """A timeline under poll, by connections."""
    rows = [("poll", count, us, us + rest_us) for count, us in notify_us.items()]
    return {"followed": pd.DataFrame(rows, columns=["server", "connections", "notify_us", "total_us"])}


def costs(one_us: float, hundred_us: float) -> dict[str, Any]:
    """What a request costs poll among 10,000 connections, with one active client and with a hundred."""
    rows = {"cpu": one_us, "shared": hundred_us}
    return {name: pd.Series({("poll", 10_000): us}) for name, us in rows.items()} | {"crowd": CROWD}


@cache
def serving(server: str | Serve, clients: int) -> dict[str, Any]:
    """A real server, counted by the page's own cell, with fewer clients."""
    space: dict[str, Any] = {"iomux": iomux, "psutil": psutil, "time": time, "ThreadPoolExecutor": ThreadPoolExecutor}
    exec(sources(PAGE)["claim-07-count"], space)
    with iomux.start(server) as started:
        result, threads = space["counted"](started, connections=clients, duration=0.1, warmup=0, deadline=0.2)
    return {"held": result, "run": result, "threads": threads, "peak": 18.0, "crowd": CROWD}


def forked(listener: socket.socket, handler: Handler = echo) -> None:
    """Two processes, each with one thread, share a listener."""
    os.fork()
    serve(listener, handler)


WORLDS = (
    World("poll is told", "e75f94ab", {CLIMBS: False, STAYS: True, ENDS: True}, lambda: swept(poll=READY)),
    World("epoll looks at all", "e75f94ab", {CLIMBS: True, STAYS: False, ENDS: True}, lambda: swept(epoll=LISTS)),
    World("select lacks descriptors", "e75f94ab", {CLIMBS: True, ENDS: False}, lambda: swept(refusal="ulimit -n")),
    World("select has no limit", "e75f94ab", {CLIMBS: True, ENDS: False}, lambda: swept(refusal="")),
    World("poll sleeps, and does not look", "219833fc", {DEARER: False, LEVEL: True}, lambda: swept(poll=READY)),
    World("epoll looks", "219833fc", {DEARER: True, LEVEL: False}, lambda: swept(epoll=LISTS)),
    World(
        "the copy takes long", "acccf230", {MOST: False, LONGER: True}, lambda: phases({100: 50, 10_000: 400}, 5_000)
    ),
    World("waking takes it all", "acccf230", {MOST: True, LONGER: False}, lambda: phases({100: 80, 10_000: 90})),
    World("each looks for itself", "357317dd", {FALLS: False}, lambda: costs(4_700, 4_700)),
    World("the look is cheaper, not shared", "357317dd", {FALLS: False}, lambda: costs(4_700, 2_300)),
    World("a thread for each client", "claim-07-11", {HELD: True, ONE: False}, lambda: serving("threaded", 5)),
    World("two processes of one thread", "claim-07-11", {HELD: True, ONE: False}, lambda: serving(forked, 5)),
    World("only one is served", "claim-07-11", {HELD: False, ONE: True}, lambda: serving("blocking", 5)),
)
