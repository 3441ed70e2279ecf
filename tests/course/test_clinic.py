"""The clinic: each planted bug fails the item made for it, and otherwise only items that fail as a consequence.

A consequence may depend on chance (who closes first, how full a buffer is): these items may fail, all others must
pass. A failing item waits for seconds, so four checks run in parallel. A fix is checked with its item, and must serve.
"""

import fcntl
import socket
import sys
import termios
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

import iomux
from iomux.conformance.check import NAMES
from iomux.conformance.report import Report
from iomux.course import clinic
from iomux.course.clinic.symptoms import come_back, watch
from iomux.servers import Serve, get
from iomux.system.features import available
from iomux.system.procfs import queues
from tests.support.checks import SECONDS, check
from tests.support.clients import DEADLINE, eventually, receive_all

SLOW = ("half-close", "mid-reset", "slow-reader", "neighbours", "back-pressure", "flood", "order", "number-again")
LARGE = (
    "pieces",
    "together",
    "bulk",
    "hundred",
    "half-close",
    "slow-reader",
    "neighbours",
    "flood",
    "order",
    "lump",
    "history",
    "number-again",
)
ENDS = ("half-close", "end", "reset", "mid-reset", "leaks", "descriptor-limit")
ALSO_MANY = ("silence", "burst", "number-again", "shared-listener")
MANY = ("half-close", "idle", "neighbours", "flood", "silent", "leaving", "descriptor-limit", "past-1024", *ALSO_MANY)
RESETS = (
    "half-close",
    "mid-reset",
    "neighbours",
    "back-pressure",
    "urgent",
    "leaving",
    "leaks",
    "past-1024",
    "number-again",
)
CROWDS = ("descriptor-limit", "past-1024")
ONE_AT_A_TIME = tuple(dict.fromkeys((*MANY, *RESETS, *ENDS)))
CAUGHT_BY: dict[str, tuple[str, dict[str, str]]] = {
    "always_writable": ("silent", {}),
    "blocking_send": ("neighbours", {}),
    "closed_duplicate": ("leaving", {}),
    "eagain_fatal": ("bulk", dict.fromkeys(SLOW, "a client that does not read at once makes send say EAGAIN")),
    "edge_accepts_once": ("burst", dict.fromkeys(ONE_AT_A_TIME, "several clients come before one is accepted")),
    "edge_one_read": ("sizes", dict.fromkeys(LARGE, "more than a read comes at once")),
    "end_ignored": ("leaving", dict.fromkeys(ENDS, "a client ends, and is kept")),
    "greedy_drain": ("flood", {}),
    "half_close_drops": ("half-close", {}),
    "late_binding": ("hundred", dict.fromkeys(MANY, "of several clients only the last is known")),
    "no_back_pressure": ("back-pressure", {}),
    "number_reused": (
        "mid-reset",
        dict.fromkeys(("reset", "number-again"), "the next has the number of the one that was reset"),
    ),
    "out_of_descriptors": ("descriptor-limit", {}),
    "past_fd_setsize": ("past-1024", {}),
    "queue_closed": ("burst", dict.fromkeys(ONE_AT_A_TIME, "several clients come before one is accepted")),
    "reset_fatal": ("reset", dict.fromkeys(RESETS, "a client that leaves with bytes unread resets its connection")),
    "short_send": ("bulk", dict.fromkeys(SLOW, "a client that does not read at once makes send short")),
    "stale_event": ("number-again", dict.fromkeys(("leaving", "leaks"), "one comes just as another resets")),
    "state_kept": ("leaks", {}),
    "swallows_ctrl_c": ("ctrl-c", {}),
    "two_small_sends": ("prompt", {}),
    "unseen_buffer": ("together", dict.fromkeys((*LARGE, "sizes", "back-pressure"), "several lines come at once")),
    "until_short": ("sizes", dict.fromkeys((*LARGE, "back-pressure"), "bytes come in just the size of a read")),
    "urgent_fatal": ("urgent", {}),
    "wrong_unit": ("silent", {}),
    "worker_pool": ("idle", dict.fromkeys(CROWDS, "more clients stay than there are workers")),
}
"""By bug: the item made for it, the other items that may fail as a consequence, and why."""
BEYOND_CHECK = {
    *("one_recv_one_line", "unread_reset", "backlog_of_five", "one_accept_a_turn"),
    *("idle_before_ready", "rounded_to_zero", "one_worker_gets_all", "quadratic_queue"),
}
NEEDS_EPOLL = {"closed_duplicate", "edge_accepts_once", "edge_one_read", "one_worker_gets_all", "stale_event"}
MIGRATE = Path("/proc/sys/net/ipv4/tcp_migrate_req")
Reports = dict[str, Report]


def missing(name: str) -> str:
    """Why a bug cannot be tried here; empty if it can."""
    if name == "queue_closed" and MIGRATE.exists() and MIGRATE.read_text().strip() != "0":
        return f"this machine hands the queue of a closed listener on: {MIGRATE}"
    return get("epoll").why_not() if name in NEEDS_EPOLL else ""


@pytest.fixture(scope="module")
def with_bug() -> Reports:
    """The reports on all servers with a bug, with its item and every twelfth of the others, in turn."""
    others = {name: NAMES[number % 12 :: 12] for number, name in enumerate(CAUGHT_BY)}  # all on all take minutes
    items = {name: {"echoes", item, *others[name]} for name, (item, _) in CAUGHT_BY.items()}
    return _all_at_once({name: (clinic.case(name).serve, items[name]) for name in CAUGHT_BY if not missing(name)})


@pytest.fixture(scope="module")
def fixed() -> Reports:
    """The reports on all fixed servers, with the items that concern the bug."""
    items = {name: {"echoes", "end", item, *list(follow)[:1]} for name, (item, follow) in CAUGHT_BY.items()}
    return _all_at_once({name: (clinic.case(name).cured, items[name]) for name in CAUGHT_BY if not missing(name)})


quick_check = partial(iomux.check, progress=False, seconds=SECONDS, evidence=False)


def _all_at_once(what: Mapping[str, tuple[Serve, Iterable[str] | None]]) -> Reports:
    with ThreadPoolExecutor(2) as pool:  # each check tries several items side by side
        tried = {name: pool.submit(quick_check, *how) for name, how in what.items()}
    return {name: report.result() for name, report in tried.items()}


@pytest.mark.timeout(900)  # the fixture's time counts as the first test's
@pytest.mark.parametrize("name", CAUGHT_BY)
class TestBug:
    def test_the_bug_fails_its_item_and_only_those_that_follow(self, name: str, with_bug: Reports) -> None:
        if reason := missing(name):
            pytest.skip(reason)
        item, follow = CAUGHT_BY[name]
        report = with_bug[name]
        assert item in report.failed, report
        assert set(report.failed) <= {item, *follow}, report
        assert set(report.not_seen) <= {item, *follow}, report

    def test_the_fix_passes(self, name: str, fixed: Reports) -> None:
        if reason := missing(name):
            pytest.skip(reason)
        assert fixed[name].passed, fixed[name]
        assert not fixed[name].not_seen, fixed[name]


def test_all_bugs_are_tried_and_twelve_are_caught_by_twelve_different_items() -> None:
    assert set(CAUGHT_BY) | BEYOND_CHECK == set(clinic.cases())
    assert len({item for item, _ in CAUGHT_BY.values()}) >= 12


@pytest.mark.parametrize("name", clinic.cases())
def test_a_fix_changes_a_few_lines(name: str) -> None:
    lines = clinic.diff(name).partition("--- with the bug\n+++ fixed\n")[2].splitlines()
    changed = [line for line in lines if line[:1] in {"+", "-"} and line[1:].strip()]
    assert 1 <= sum(line.startswith("+") for line in changed) <= 8, changed
    assert clinic.buggy_source(name)
    words = clinic.case(name).__doc__ or ""
    assert all(word in words for word in ("Bug:", "Symptom:", "Cure:")), words
    assert "Published:" in words or "Commonly found" in words


def test_a_diff_says_where_its_bug_was_published() -> None:
    assert "cocos2d-x issue 18620" in clinic.published("end_ignored")
    assert "Cure" not in clinic.published("end_ignored")
    for name in set(clinic.cases()) - {"state_kept"}:
        heading = [line.removeprefix("# ") for line in clinic.diff(name).splitlines() if line.startswith("# ")]
        assert " ".join(heading) == f"published: {clinic.published(name)}"
    assert clinic.published("state_kept") == ""
    assert clinic.diff("state_kept").startswith("--- with the bug")


def test_an_unknown_bug_is_an_error_that_lists_the_bugs() -> None:
    with pytest.raises(LookupError, match="short_send"):
        clinic.case("hiccups")


def unsent_bytes(client: socket.socket) -> int:
    """The number of bytes that the other end has not acknowledged (SIOCOUTQ, tcp(7))."""
    return int.from_bytes(fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def lines(side: str) -> bytes:
    with (
        iomux.start(getattr(clinic.case("one_recv_one_line"), side), handler=bytes.upper) as server,
        socket.create_connection(server.address, timeout=DEADLINE) as client,
    ):
        for piece in (b"hel", b"lo\n", b"you\nthere\n"):
            client.sendall(piece)
            assert eventually(lambda: unsent_bytes(client) == 0)
            assert eventually(lambda: not queues(server.address)["unread_bytes"].any()), "each piece is read separately"
        client.shutdown(socket.SHUT_WR)
        return receive_all(client)


@pytest.mark.skipif(
    not available("queues"), reason="not to be told here: no list of sockets says when a piece has been read"
)
def test_a_line_is_what_ends_with_a_newline_not_what_one_recv_returns() -> None:
    assert lines("serve") != b"HELLO\nYOU\nTHERE\n"
    assert lines("cured") == b"HELLO\nYOU\nTHERE\n"


def test_two_small_sends_lose_no_byte() -> None:
    report = check(clinic.case("two_small_sends").serve, ["echoes", "pieces", "together"])
    assert report.passed, report


def test_the_meter_shows_the_lasting_effect_of_a_visit() -> None:
    def pass_by(address: tuple[str, int]) -> None:
        socket.create_connection(address).close()

    frame = watch(clinic.case("end_ignored").serve, pass_by, 1.8)  # the client comes after 0.6 s
    before, after = frame[frame.t_s < 0.6].cpu_percent, frame[frame.t_s > 1.2].cpu_percent
    assert after.mean() > 5 * max(before.median(), 1)
    assert frame[frame.t_s > 1.2].sleeps.sum() < 10, "it never goes to sleep"


def test_bytes_that_come_back_are_counted_to_the_end() -> None:
    frame = come_back("poll", 1 << 20, pause=0.05, seconds=DEADLINE)
    assert (frame.back_mib.iloc[-1], frame.missing_kib.max()) == (1, 0)
    assert frame.t_s.is_monotonic_increasing


def test_a_bug_and_its_fix_are_checked_in_parallel() -> None:
    bug, cure = clinic.both("swallows_ctrl_c", ["echoes", "ctrl-c"])
    assert bug.failed == ("ctrl-c",)
    assert cure.passed
    with pytest.raises(LookupError, match="no item is called"):
        clinic.both("swallows_ctrl_c", "nonsense")
