"""`iomux.check` accuses no right server, however slow or strange it is, and a wrong one of its own fault only."""

import contextlib
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from iomux.conformance.trial import outcome, rest
from iomux.conformance.trial.items import warm_up
from iomux.conformance.trial.subject import Fault, NotSeen
from iomux.system.sockets import listen
from tests.field.table import FOLDER
from tests.students import strange
from tests.support.checks import check, saw_all
from tests.support.clients import eventually

linux = pytest.mark.skipif(sys.platform != "linux", reason="what each thread does is known on Linux only")

LARGE = ("bulk", "half-close", "slow-reader")


@linux
@pytest.mark.parametrize(
    ("serve", "items"),
    [
        (strange.shaped, LARGE),
        (strange.small_reads, (*LARGE, "flood")),
        (strange.in_two_sends, ("flood", "pieces")),
        (strange.long_turns, ("flood", "neighbours")),
        (strange.heartbeat, ("silent", "leaving", "half-close")),
        (strange.slow_to_accept, ("idle",)),
    ],
    ids=["shaped", "small_reads", "in_two_sends", "long_turns", "heartbeat", "slow_to_accept"],
)
def test_a_right_server_that_is_slow_or_strange_passes(serve: Any, items: tuple[str, ...]) -> None:
    report = check(serve, items)
    assert report.failed == (), str(report)
    saw_all(report)


@linux
@pytest.mark.parametrize(
    ("serve", "fails", "passes"),
    [
        (strange.short_write_closes, LARGE, ("mid-reset", "neighbours", "back-pressure", "flood")),
        (strange.dies_on_reset, ("reset",), ("hundred", "neighbours", "back-pressure", "half-close")),
        (strange.asks_every_2_ms, ("silent",), ("leaving", "back-pressure", "urgent")),
        (strange.leaks_300_bytes, ("leaks",), ("end", "silent")),
    ],
    ids=["short_write_closes", "dies_on_reset", "asks_every_2_ms", "leaks_300_bytes"],
)
def test_one_fault_fails_the_items_made_for_it(serve: Any, fails: tuple[str, ...], passes: tuple[str, ...]) -> None:
    report = check(serve, (*fails, *passes))
    assert set(report.failed) == set(fails), str(report)
    saw_all(report)


@linux
@pytest.mark.parametrize(
    ("serve", "item", "words"),
    [
        (strange.to_the_zero, "sizes", "What ends at a zero byte"),
        (strange.writes_overlap, "bulk", "one answer at a time"),
        (strange.rest_twice, "bulk", "only the rest is still to be sent"),
        (strange.room_for_300, "past-1024", "something of your own is full"),
        (strange.asks_every_2_ms, "silent", "more than a hundred times a second"),
    ],
    ids=["to_the_zero", "writes_overlap", "rest_twice", "room_for_300", "asks_every_2_ms"],
)
def test_a_hint_follows_from_evidence(serve: Any, item: str, words: str) -> None:
    result = check(serve, item)[item]
    assert result.status == "failed"
    assert words in result.hint


@linux
def test_a_backlog_of_five_is_not_blamed_on_the_server(tmp_path: Any) -> None:
    (tmp_path / "mine.py").write_text(
        "import sys\nfrom iomux.servers import get\n"
        "from iomux.system.sockets import listen\n"
        "get('poll').load()(listen(port=int(sys.argv[1]), backlog=5))\n"
    )
    report = check(f"{sys.executable} {tmp_path}/mine.py {{port}}", ("descriptor-limit", "hundred"))
    assert report.failed == (), str(report)
    saw_all(report)


def use(window: float, used: float, waited: float, switches: int) -> rest.Use:
    return rest._use({"1": (0.0, 0)}, {"1": (waited, switches)}, used, window)


@pytest.mark.parametrize(
    ("what", "spins", "wakes"),
    [
        (use(0.3, 0.29, 0.0, 0), True, False),
        (use(0.3, 0.01, 0.28, 0), True, False),  # spins, but hardly gets a core
        (use(0.3, 0.0001, 0.25, 3), False, False),  # a timer, woken ten times a second, waits for a core each time
        (use(0.3, 0.003, 0.0, 100), False, True),
        (use(0.3, 0.003, 0.2, 33), True, True),  # the same, on a busy machine: here it never sleeps for long
        (use(0.3, 0.002, 0.0, 20), False, False),
    ],
)
def test_sleeping_is_judged_by_counts_on_a_busy_machine_too(what: rest.Use, spins: bool, wakes: bool) -> None:
    assert (what.spins, rest.wakes_often(what)) == (spins, wakes)


def test_a_server_that_got_no_core_at_all_is_not_judged() -> None:
    assert use(0.3, 0.0, 0.3, 0).undecided


def fails_otherwise(error: Exception) -> Callable[[], None]:
    def trial() -> None:
        with warm_up("bulk"):
            raise error

    return trial


@pytest.mark.parametrize("error", [Fault("the client got nothing back"), ConnectionResetError(104, "reset")])
def test_a_warm_up_that_fails_names_the_item_whose_fault_it_is(error: Exception) -> None:
    with pytest.raises(NotSeen, match=r"see the item bulk$"):
        fails_otherwise(error)()


@linux
def test_a_backlog_that_was_full_is_counted_for_its_own_listener_only() -> None:
    with listen() as full, listen() as other:
        full.listen(1)
        before = {one: outcome.kernel_drops(one.getsockname()[1]) for one in (full, other)}
        with contextlib.ExitStack() as stack:
            for _ in range(8):
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(full.getsockname())
            assert eventually(lambda: "ListenOverflows" in dropped(full, before))
            assert outcome.kernel_dropped_since(before[full], full.getsockname()[1], answered=True) == ""
        assert dropped(other, before) == ""
        for name in ("TCPAbortOnMemory", "TCPReqQFullDrop"):
            assert outcome.kernel_dropped_since(before[other] | {name: -1}, other.getsockname()[1], answered=True)


def dropped(listener: socket.socket, before: dict[socket.socket, dict[str, int]]) -> str:
    return outcome.kernel_dropped_since(before[listener], listener.getsockname()[1], answered=False)


def hangs_up_after_one(listener: socket.socket) -> NoReturn:
    while True:
        with listener.accept()[0] as client:
            client.sendall(client.recv(4096))


def test_bytes_that_come_back_alone_are_not_blamed_for_what_came_before_them() -> None:
    hint = check(hangs_up_after_one, "echoes")["echoes"].hint
    assert hint.startswith("Follow one message by hand")


@linux
def test_what_a_client_costs_the_server_is_its_own_affair() -> None:
    """Here three descriptors, so ten clients need thirty."""
    report = check(f"{sys.executable} {FOLDER}/three_descriptors_each.py {{port}}", ("descriptor-limit", "hundred"))
    assert report.failed == (), str(report)
    saw_all(report)
