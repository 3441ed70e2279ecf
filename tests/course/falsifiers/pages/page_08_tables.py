"""Worlds for 08, the copy, of made-up figures: each table is right but for what the world's name says."""

from types import SimpleNamespace
from typing import Any

import pandas as pd

from tests.course.falsifiers.world import World

PAGE = "08_the_copy.ipynb"
LONGER = "the call that waited took over a hundred times as long as the call that found its bytes"
ASLEEP = "the call that waited used the processor for less than a tenth of its time"
STEEPER = "with the copy each further KiB costs more than five times as much as without it"
SMALL = "with 64 bytes the call costs more than the copy"
LARGE = "with 1 MiB the copy costs more than the call"
TRANSFER = "the transfer is the longer part of a call that waits"
MIB_TRANSFER = "the transfer is the longer part of a call for 1 MiB"
POLL, EPOLL = (f"a request takes three system calls under {name}" for name in ("poll", "epoll"))
RETRIES = "a request takes more than six system calls under the nonblocking server"
MOSTLY = "under poll, notifying the server takes most of a request's time among 10,000 connections"
LITTLE = "from 1 to 900 connections recv slows down by less than a tenth of what notify does"
TWENTIETH = "among 10,000 connections poll loses less than a twentieth as much in recv as in notify"
WALK = "poll's walk alone explains more than a fifth of what poll loses in {}"
PHASES = ["notify_us", "recv_us", "handler_us", "send_us", "client_us"]


def copies(with_copy: float = 58, without: float = 0.5, small: float = 0.2, large: float = 0.98) -> dict[str, Any]:
    """What a further KiB costs in ns, and the copy's share of a receive of 64 bytes and of a MiB."""
    slopes = {"recv_into": with_copy, "recv_into MSG_TRUNC": without}
    return {"cost": SimpleNamespace(slopes=slopes), "share": {64: small, 1 << 20: large}}


def calls(**other: dict[str, float]) -> dict[str, Any]:
    """System calls of a request among twenty clients, by server."""
    notified = {"wait": 1.0, "control": 0.0, "recv": 1.0, "send": 1.0, "accept": 0.0}
    asking = {"wait": 0.0, "control": 0.0, "recv": 20.0, "send": 1.0, "accept": 1.0}
    each = {"nonblocking": asking} | dict.fromkeys(("select", "poll", "epoll"), notified)
    return {"calls": {name: counts | other.get(name, {}) for name, counts in each.items()}}


def crowd(**other: dict[str, float]) -> dict[str, Any]:
    """Timelines among 1, 900 and 10,000 connections; other: what differs, as poll_900 or epoll_10000."""
    level = {"notify_us": 48.0, "recv_us": 2.5, "handler_us": 0.3, "send_us": 2.6, "client_us": 52.0}
    grown = {900: {"notify_us": 190.0, "recv_us": 4.0}, 10_000: {"notify_us": 4_700.0, "recv_us": 8.0}}
    rows = []
    for name in ("select", "poll", "epoll"):
        for count in (1, 900, 10_000):
            walked = grown.get(count, {}) if name != "epoll" else {}
            phases = level | walked | other.get(f"{name}_{count}", {})
            rows.append({"server": name, "connections": count, **phases, "total_us": sum(phases.values())})
    frame = pd.DataFrame(rows)
    when = frame.groupby(["server", "connections"]).median()
    return {"crowded": frame, "phases": PHASES, "when": when, "crowd": {"connections": 10_000}}


def walked(recv_us: float, handler_us: float) -> dict[str, Any]:
    """The control: what poll's walk does to epoll's phases, if poll's own are 8 and 1 µs."""
    rows = {"epoll": [2.4, 0.3], "epoll_and_walk": [recv_us, handler_us], "poll": [8.0, 1.0]}
    control = pd.DataFrame(rows, index=["recv_us", "handler_us"]).T
    return {"control": control, "needs": [], "crowd": {}}


def made(epoll_without: float) -> dict[str, Any]:
    """Our own thread's µs with the copy and without it, after each of three reports."""
    own = pd.DataFrame({"with": 160.0, "without": 27.0}, index=["select", "poll", "epoll"])
    own.loc["epoll", "without"] = epoll_without
    return {"own": own, "told_own": dict.fromkeys(own.index, "")}


def work(splice: float, msg_trunc: float) -> dict[str, Any]:
    """Processor time of three ways to get rid of a MiB."""
    return {"work": {"recv_into": 182.0, "splice": splice, "msg_trunc": msg_trunc}}


NOTHING = "MSG_TRUNC takes less than half of recv_into's processor time for the same mebibyte"
SPLICED = "splice takes less than three quarters of recv_into's processor time for the same mebibyte"
FETCHES = "a server that is notified fetches with a call of its own"

WORLDS = (
    World(
        "the copy is the long part",
        "db4474f0",
        {LONGER: False, ASLEEP: True},
        lambda: {"late": 50_000, "there": 45_000, "late_cpu": 90},
    ),
    World(
        "who waits spins",
        "db4474f0",
        {LONGER: True, ASLEEP: False},
        lambda: {"late": 50_000, "there": 1, "late_cpu": 49_000},
    ),
    World(
        "MSG_TRUNC copies all the same",
        "ae00ff6b",
        {STEEPER: False, SMALL: True, LARGE: True},
        lambda: copies(without=50),
    ),
    World("a small copy is most of the call", "ae00ff6b", {SMALL: False, LARGE: True}, lambda: copies(small=0.6)),
    World("the call itself grows with the bytes", "ae00ff6b", {LARGE: False, SMALL: True}, lambda: copies(large=0.3)),
    World(
        "a call blocks because it copies",
        "claim-08-8",
        {TRANSFER: True, MIB_TRANSFER: True},
        lambda: copies() | {"late": 50_000, "there": 45_000},
    ),
    World(
        "a mebibyte is copied in no time",
        "claim-08-8",
        {TRANSFER: False, MIB_TRANSFER: False},
        lambda: copies(large=0.2) | {"late": 50_000, "there": 1},
    ),
    World("poll's server tries all clients", "78685552", {POLL: False, EPOLL: True}, lambda: calls(poll={"recv": 20})),
    World(
        "epoll's server changes its list at each request",
        "78685552",
        {EPOLL: False, POLL: True, RETRIES: True},
        lambda: calls(epoll={"control": 2}),
    ),
    World(
        "the nonblocking server knows whom to ask",
        "78685552",
        {RETRIES: False, POLL: True},
        lambda: calls(nonblocking={"recv": 1}),
    ),
    World(
        "poll, too, asks all",
        "claim-08-5",
        {"poll needs less than half as many system calls": False},
        lambda: {"total": {"nonblocking": 22, "poll": 22}},
    ),
    World("the bytes come with epoll's report", "claim-08-10", {FETCHES: False}, lambda: calls(epoll={"recv": 0})),
    World(
        "the handler grows with the connections",
        "eac27179",
        {MOSTLY: False, LITTLE: True},
        lambda: crowd(poll_10000={"handler_us": 9_000}),
    ),
    World(
        "poll's copy grows with the connections",
        "eac27179",
        {MOSTLY: True, LITTLE: False},
        lambda: crowd(poll_900={"recv_us": 30}),
    ),
    World(
        "select's copy grows with the connections",
        "eac27179",
        {LITTLE: False},
        lambda: crowd(select_900={"recv_us": 30}),
    ),
    World(
        "among 10,000 poll's copy is what is slow",
        "dce9f40e",
        {TWENTIETH: False},
        lambda: crowd(poll_10000={"recv_us": 400}),
    ),
    *(
        World(
            f"poll's walk slows no {slow}",
            "walk-verdict",
            {WALK.format("recv_us"): recv, WALK.format("handler_us"): h},
            n,
        )
        for slow, recv, h, n in (
            ("recv", False, True, lambda: walked(2.4, 1.0)),
            ("handler", True, False, lambda: walked(7.9, 0.3)),
        )
    ),
    World(
        "after epoll's report another thread copies",
        "claim-08-14",
        {"each of the three makes the copy itself": False},
        lambda: made(epoll_without=150),
    ),
    World("splice copies", "1ace4759", {SPLICED: False, NOTHING: True}, lambda: work(170, 27)),
    World("discarding is copying", "1ace4759", {SPLICED: True, NOTHING: False}, lambda: work(41, 170)),
    World(
        "no copy is made on the loopback",
        "866e44a3",
        {"on loopback the kernel copies in spite of MSG_ZEROCOPY": False},
        lambda: {"reported_code": lambda: 0},
    ),
)
