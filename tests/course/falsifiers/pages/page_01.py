"""Worlds for 01, blocking: what waits, what holds a connection, and what a thread each costs."""

import socket
import time
from functools import cache
from types import SimpleNamespace
from typing import Any, NoReturn

import pandas as pd
import psutil

import iomux
from iomux.system.procfs import asleep_in, queues
from tests.course.falsifiers.world import World, sources

PAGE = "01_blocking.ipynb"
SLEEPS = "the server sleeps, and nothing wakes it while no client comes"
IDLE = "the sleeping server uses next to no processor time"
IN_THE_CALL, NO_OTHER = "a blocking server sleeps in the call", "a blocking server serves no other client meanwhile"
A_THREAD = "each of a hundred clients brings a thread, beside the one that accepts"
SERVED = "another hundred clients, which sent requests, were all served"
RAM = "a thread takes more than 5 times the RAM of a client in poll's list"
RESERVED = "a thread reserves more than 20 times the RAM that it takes"
SOME, WHY = (
    "some of the 300 clients were served, and some were refused",
    "the server's log gives the reason for the refusals",
)
LATE_FOR_B = "the blocking server reads from B only when A has gone"
AT_ONCE_FOR_B = "the threaded server reads from B before A has gone"


def naps(listener: socket.socket) -> NoReturn:
    """Looks for a client a hundred times a second, and sleeps in between."""
    listener.setblocking(False)
    clients = []
    while True:
        try:
            clients.append(listener.accept()[0])
        except BlockingIOError:
            time.sleep(0.01)


@cache
def watched_while_it_naps() -> dict[str, Any]:
    """The page's own measurement, of the server that naps; and ten clients of a server that serves one."""
    space: dict[str, Any] = {"iomux": iomux, "psutil": psutil, "time": time, "asleep_in": asleep_in, "serve": naps}
    exec(sources(PAGE)["60bada54"], space)
    asleep = waiting(space["process"].status(), space["woken"], space["used"])
    space["server"].stop()
    return asleep | {"ten": SimpleNamespace(unserved=9)}


def waiting(status: str, woken: int, used: float) -> dict[str, Any]:
    """What was seen of a server in half a second without a client."""
    return {"process": SimpleNamespace(status=lambda: status), "woken": woken, "used": used}


def served_by_threads() -> dict[str, Any]:
    """The kernel's list of sockets, of a server that has accepted and read from both clients."""
    with (
        iomux.start("threaded") as server,
        socket.create_connection(server.address),
        socket.create_connection(server.address) as second,
    ):
        second.sendall(b"hello?")
        second.recv(100)
        seen = queues(server.address)
    return {"server": server, "queues": lambda _: seen}


def followed(recv_us: float) -> dict[str, Any]:
    """A request that waits for 42 µs, and is fetched by a call of `recv_us`."""
    return {"followed": pd.DataFrame({"request_us": [2.0] * 3, "notify_us": [40.0] * 3, "recv_us": [recv_us] * 3})}


def tape(blocking_reads_b: float, threaded_reads_b: float) -> dict[str, Any]:
    """When each server reads from B; A has gone after 200 ms."""
    reads = {"blocking": blocking_reads_b, "threaded": threaded_reads_b}
    rows = [(server, "A", "close", 200_100.0) for server in reads]
    rows += [(server, "B", "read", at_us) for server, at_us in reads.items()]
    return {"tape": pd.DataFrame(rows, columns=["server", "client", "mark", "at_us"])}


def crowd_of(before: int, threads: int, unserved: int = 0, errors: int = 0) -> dict[str, Any]:
    return {
        "threads_before": before,
        "threads": threads,
        "hundred": SimpleNamespace(unserved=unserved, errors=errors),
    }


def memory(ram_kib: float, reserved_kib: float) -> dict[str, Any]:
    """A thread's memory; a client of poll takes 0.7 KiB."""
    rows = {"threaded": (ram_kib * 1024, reserved_kib * 1024), "poll": (700.0, 600.0)}
    return {"most": pd.DataFrame.from_dict(rows, "index", columns=["rss_each_bytes", "virtual_each_bytes"])}


WORLDS = (
    World("a server that naps and looks", "56e1dfdb", {SLEEPS: False, IDLE: True}, watched_while_it_naps),
    World(
        "a server that asks without end",
        "56e1dfdb",
        {SLEEPS: False, IDLE: False},
        lambda: waiting("running", 0, 0.5),
    ),
    World("naps, for the claim", "claim-01-2", {IN_THE_CALL: False, NO_OTHER: True}, watched_while_it_naps),
    World(
        "nine clients of ten are served",
        "claim-01-2",
        {IN_THE_CALL: True, NO_OTHER: False},
        lambda: waiting("sleeping", 0, 0.0) | {"ten": SimpleNamespace(unserved=1)},
    ),
    World(
        "a copy that lasts",
        "a56832e6",
        {"the wait for a request takes more than twice as long as the call that fetches it": False},
        lambda: followed(recv_us=400),
    ),
    World(
        "a copy that lasts, for the claim",
        "claim-01-8",
        {"the transfer takes longer than the wait": True},
        lambda: followed(recv_us=400),
        before=["a56832e6"],
    ),
    World(
        "the second client is served",
        "1cabac22",
        {"the second client's six bytes lie in the kernel": False},
        served_by_threads,
        needs=["queues"],
    ),
    World(
        "the server has accepted both",
        "descriptor-verdict",
        {"the server has descriptors for two of the three sockets": False},
        lambda: {"sockets": dict.fromkeys((3, 6, 7), "socket")},
    ),
    World(
        "B is read while A is there",
        "bfd80f0a",
        {LATE_FOR_B: False, AT_ONCE_FOR_B: True},
        lambda: tape(50_100, 50_100),
    ),
    World("threads take turns", "bfd80f0a", {LATE_FOR_B: True, AT_ONCE_FOR_B: False}, lambda: tape(200_200, 200_200)),
    World("a pool made in advance", "ccc372de", {A_THREAD: False, SERVED: True}, lambda: crowd_of(101, 101)),
    World("one thread for all", "ccc372de", {A_THREAD: False, SERVED: True}, lambda: crowd_of(1, 1)),
    World("one client is lost", "ccc372de", {A_THREAD: True, SERVED: False}, lambda: crowd_of(1, 101, unserved=1)),
    World("a wrong byte comes back", "ccc372de", {SERVED: False}, lambda: crowd_of(1, 101, errors=1)),
    World("threads are small", "05735317", {RAM: False, RESERVED: True}, lambda: memory(2, 8_400)),
    World("stacks are touched in full", "05735317", {RAM: True, RESERVED: False}, lambda: memory(8_200, 8_400)),
    World(
        "all are served", "19688989", {SOME: False, WHY: True}, lambda: {"refused": 0, "said": "can't start new thread"}
    ),
    World("the log is silent", "19688989", {SOME: True, WHY: False}, lambda: {"refused": 279, "said": ""}),
    World("none is served", "19688989", {SOME: False}, lambda: {"refused": 300, "said": ""}),
)
