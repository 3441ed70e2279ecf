"""Worlds for 02, nonblocking: who sets the flag, what asking costs, and which server survives."""

import fcntl
import os
import socket
import time
from types import SimpleNamespace
from typing import Any

import pandas as pd
import psutil

import iomux
from iomux.servers import threaded
from tests.course.falsifiers.world import World, sources

PAGE = "02_nonblocking.ipynb"
ONE_CALL = "MSG_DONTWAIT makes one call come back, and the socket still blocks"
TIMEOUT = "a socket with a timeout has O_NONBLOCK set"
BLOCKS, OPTIONS = (
    "an accepted socket blocks, although its listener does not",
    "an accepted socket has its listener's option, keepalive",
)
ALL_SERVED, ONE_THREAD = "the server served all hundred clients", "one thread served all hundred clients"
ASKS = "without a client, asking takes more than a fiftieth of a core, and never sleeps"
SLEEPS = "without a client, the server that sleeps is not woken, and takes next to no processor time"
LATER, DEARER = (
    "a request among 1,000 connections takes at least 5 times as long as alone",
    "a request among 1,000 takes 3 times the processor time",
)
LESS_WORK, SLOWER = (
    "with sleeps of 10 ms the server takes less than a fifth of the processor time",
    "with sleeps of 10 ms the latency is more than 10 times as long",
)
LITTLE = "a notified server works for less than 1 % of the time"
NONE_GOOD = "no server that asks answers nearly as soon and works for less than 2 % of the time"
INSTEAD = "a nonblocking server asks instead of sleeping"
ENDED, SURVIVED = (
    "one client that does not read ends our server for all its clients",
    "the library's server survives a client that does not read",
)


def blocks(descriptor: int) -> bool:
    return not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_NONBLOCK


def a_twin_of_its_own() -> dict[str, Any]:
    """A duplicate that is an open file of its own, as if it had been opened again: 1 stays nonblocking."""
    own = SimpleNamespace(
        dup=lambda _: os.open(os.devnull, os.O_RDONLY),
        set_blocking=os.set_blocking,
        close=os.close,
        O_NONBLOCK=os.O_NONBLOCK,
    )
    flags = SimpleNamespace(F_GETFL=fcntl.F_GETFL, fcntl=lambda fd, _: os.O_NONBLOCK if fd == 1 else 0)
    return {"near": SimpleNamespace(fileno=lambda: 1), "os": own, "fcntl": flags}


def accepting(flag: int) -> dict[str, Any]:
    """A client waits, and `accept4` is asked for this flag in place of SOCK_NONBLOCK."""
    listener = socket.create_server(("127.0.0.1", 0))
    guest = socket.create_connection(listener.getsockname())
    time.sleep(0.05)
    constants = SimpleNamespace(SOCK_NONBLOCK=flag, SOCK_CLOEXEC=socket.SOCK_CLOEXEC)
    near, far = socket.socketpair()
    return {
        "listener": listener,
        "guests": [guest, far],
        "accepted": near,
        "socket": constants,
        "waits": blocks,
        "os": os,
    }


def accepted(waits: bool, keeps: int) -> dict[str, Any]:
    return {"waits": lambda _: waits, "accepted": SimpleNamespace(fileno=lambda: 9), "keeps": keeps}


def crowded(unserved: int = 0, errors: int = 0) -> dict[str, Any]:
    return {"hundred": SimpleNamespace(unserved=unserved, errors=errors), "threads": 1, "pairs": []}


def served_by_threads() -> dict[str, Any]:
    """The page's own measurement, of a server with a thread for each client."""
    space: dict[str, Any] = {"iomux": iomux, "socket": socket, "psutil": psutil, "serve": threaded.serve}
    exec(sources(PAGE)["9a3fe4cc"], space)
    return {"hundred": space["hundred"], "threads": space["threads"], "pairs": []}


def night(asking: tuple[float, int] = (1.0, 0), sleeping: tuple[float, int] = (0.0, 0)) -> dict[str, Any]:
    """By server: its share of a core while nobody is there, and how often it was woken in half a second."""
    both = {"nonblocking": asking, "poll": sleeping}
    rows = [(server, "nobody", share) for server, (share, _) in both.items()]
    frame = pd.DataFrame(rows, columns=["server", "act", "cpu_share"])
    return {"days": [frame], "woken": {server: woken for server, (_, woken) in both.items()}}


def grown(p50_us: float, cpu_us: float) -> dict[str, Any]:
    """A request among 1,000; alone it takes 30 µs of both."""
    rows = [("nonblocking", 1, 30.0, 30.0), ("nonblocking", 1_000, p50_us, cpu_us)]
    frame = pd.DataFrame(rows, columns=["server", "connections", "p50_us", "cpu_us_per_request"])
    return {"crowd": frame.assign(doubts="")}


def prices(share: float, p50_us: float) -> dict[str, Any]:
    """What sleeps of 10 ms cost; without a sleep it is a core, and 30 µs."""
    table = pd.DataFrame({"pause_us": [0, 10_000], "cpu_share": [1.0, share], "p50_us": [30.0, p50_us]})
    return {"prices": table.assign(doubts=""), "at": table.set_index("pause_us"), "shared": ""}


def traded(share: float, p50_us: float, notified: float = 0.0) -> dict[str, Any]:
    """The same, beside a server that is notified, answers after 75 µs and uses this share of a core."""
    told = pd.DataFrame({"server": ["poll"], "cpu_share": [notified], "p50_us": [75.0]})
    return prices(share, p50_us) | {"told": told, "names": ["poll"]}


def core(share: float, notified: float = 0.0) -> dict[str, Any]:
    """The share of a core of a server that asks without a sleep, and of one that is notified."""
    table = pd.DataFrame({"cpu_share": [share]}, index=[0])
    return {"at": table, "best": {"cpu_share": notified}}


def alive(ours: bool, librarys: bool) -> dict[str, Any]:
    return {"ends": {"serve": ours, "nonblocking": librarys}}


WORLDS = (
    World(
        "a duplicate has a flag of its own",
        "73c7c878",
        {"the duplicate's setting makes the original block, too": False},
        a_twin_of_its_own,
    ),
    World(
        "MSG_DONTWAIT sets the flag",
        "flag-ways-verdicts",
        {ONE_CALL: False, TIMEOUT: True},
        lambda: {"blocks": {"recv with MSG_DONTWAIT": False, "settimeout(60)": False}},
    ),
    World(
        "a timeout is the kernel's",
        "flag-ways-verdicts",
        {ONE_CALL: True, TIMEOUT: False},
        lambda: {"blocks": {"recv with MSG_DONTWAIT": True, "settimeout(60)": True}},
    ),
    World(
        "MSG_DONTWAIT waits",
        "flag-ways-verdicts",
        {ONE_CALL: False, TIMEOUT: True},
        lambda: {"blocks": {"settimeout(60)": False}},
    ),
    World(
        "a timeout sleeps in recv",
        "flag-timeout-verdict",
        {"a recv with a timeout sleeps in the function in which poll sleeps": False},
        lambda: {"sleeps": {"timed": "wait_woken", "poll": "poll_schedule_timeout", "blocking": "wait_woken"}},
    ),
    World(
        "flags are inherited, as on BSD", "accept-verdicts", {BLOCKS: False, OPTIONS: True}, lambda: accepted(False, 1)
    ),
    World("options are not inherited", "accept-verdicts", {BLOCKS: True, OPTIONS: False}, lambda: accepted(True, 0)),
    World(
        "accept4 without the flag",
        "accept4-call",
        {"accept4 with SOCK_NONBLOCK sets the flag at once": False},
        lambda: accepting(flag=0),
    ),
    World("a thread each", "95f73ad5", {ALL_SERVED: True, ONE_THREAD: False}, served_by_threads),
    World("a client is lost", "95f73ad5", {ALL_SERVED: False, ONE_THREAD: True}, lambda: crowded(unserved=1)),
    World("a wrong byte", "95f73ad5", {ALL_SERVED: False, ONE_THREAD: True}, lambda: crowded(errors=1)),
    World("asking with naps of 10 ms", "b4b4ac83", {ASKS: False, SLEEPS: True}, lambda: night(asking=(0.006, 50))),
    World("asking with naps of 10 µs", "b4b4ac83", {ASKS: False, SLEEPS: True}, lambda: night(asking=(0.3, 7_000))),
    World("poll that naps and looks", "b4b4ac83", {ASKS: True, SLEEPS: False}, lambda: night(sleeping=(0.006, 50))),
    World("poll that spins", "b4b4ac83", {ASKS: True, SLEEPS: False}, lambda: night(sleeping=(1.0, 0))),
    World("silent clients cost nothing", "d757aa2f", {LATER: False, DEARER: False}, lambda: grown(31, 31)),
    World("they cost work, and less time", "d757aa2f", {LATER: False, DEARER: True}, lambda: grown(140, 140)),
    World("a sleep saves nothing", "720ab089", {LESS_WORK: False, SLOWER: True}, lambda: prices(0.3, 10_000)),
    World("a sleep costs nothing", "720ab089", {LESS_WORK: True, SLOWER: False}, lambda: prices(0.006, 100)),
    World("a sleep that is good for both", "1345b218", {LITTLE: True, NONE_GOOD: False}, lambda: traded(0.01, 100)),
    World(
        "being notified is work", "1345b218", {LITTLE: False, NONE_GOOD: True}, lambda: traded(0.3, 300, notified=0.02)
    ),
    World("asking hardly costs a core anything", "claim-02-2", {INSTEAD: False}, lambda: core(0.006)),
    World("the other asks, too", "claim-02-2", {INSTEAD: False}, lambda: core(1.0, notified=0.02)),
    World("our server survives", "01dbb262", {ENDED: False, SURVIVED: True}, lambda: alive(True, True)),
    World("the library's server ends", "01dbb262", {ENDED: True, SURVIVED: False}, lambda: alive(False, False)),
)
