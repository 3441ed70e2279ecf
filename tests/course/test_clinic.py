"""The clinic: each planted bug fails the item made for it, and otherwise only items that fail as a consequence.

A consequence may depend on chance (who closes first, how full a buffer is): these items may fail, all others must
pass. A failing item waits for seconds, so four checks run in parallel. A fix is checked with its item, and must serve.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iomux.conformance.check import NAMES
from iomux.conformance.report import Report
from iomux.course import clinic
from iomux.servers import Serve, get
from tests.support.checks import check, saw_all
from tests.support.required import LONG

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
    """The reports on all servers with a bug, with its item; all items on all take minutes."""
    others = NAMES if LONG else ()
    items = {name: {"echoes", item, *others} for name, (item, _) in CAUGHT_BY.items()}
    return _all_at_once({name: (clinic.case(name).serve, items[name]) for name in CAUGHT_BY if not missing(name)})


@pytest.fixture(scope="module")
def fixed() -> Reports:
    """The reports on all fixed servers, with the item that the bug fails, and those that follow from it."""
    items = {name: {"echoes", item, *(follow if LONG else ())} for name, (item, follow) in CAUGHT_BY.items()}
    return _all_at_once({name: (clinic.case(name).cured, items[name]) for name in CAUGHT_BY if not missing(name)})


def _all_at_once(what: Mapping[str, tuple[Serve, Iterable[str] | None]]) -> Reports:
    with ThreadPoolExecutor(2) as pool:  # each check tries several items side by side
        tried = {name: pool.submit(check, *how) for name, how in what.items()}
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
        assert not fixed[name].failed, fixed[name]
        saw_all(fixed[name])


def test_all_bugs_are_tried_and_twelve_are_caught_by_twelve_different_items() -> None:
    assert set(CAUGHT_BY) | BEYOND_CHECK == set(clinic.cases())
    assert len({item for item, _ in CAUGHT_BY.values()}) >= 12
