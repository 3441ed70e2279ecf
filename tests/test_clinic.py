"""The clinic: each planted bug is caught by the item made for it and by no neighbour; each cure passes.

All items were tried once on every patient; what failed then stands beside each. Where it depends on chance (who closes
first, how full a buffer was) it is left out of what is compared. Failing takes seconds: checks run beside each other.
"""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import iomux
from iomux import clinic
from iomux.conformance.report import Report
from iomux.harness.symptoms import come_back, watch
from iomux.servers import get
from tests.clients import receive_all

EXPECTED: dict[str, tuple[set[str], set[str]]] = {
    "always_writable": ({"silent"}, {"echoes", "end"}),
    "blocking_send": ({"neighbours"}, {"echoes", "end", "together"}),
    "closed_duplicate": ({"leaving"}, {"echoes", "end", "silent"}),
    "eagain_fatal": ({"bulk"}, {"echoes", "pieces", "end"}),  # and mid-reset, slow-reader, neighbours, back-pressure
    "edge_one_read": ({"echoes"}, set()),  # nothing else is tried then
    "end_ignored": (
        {"leaving"},
        {"echoes", "silent", "reset"},
    ),  # and end, half-close, slow-reader, leaks, descriptor-limit
    "greedy_drain": ({"flood"}, {"echoes", "end"}),
    "half_close_drops": ({"half-close"}, {"end", "together"}),
    "late_binding": ({"hundred"}, {"echoes", "pieces"}),  # and flood, silent, descriptor-limit, past-1024
    "no_back_pressure": ({"back-pressure"}, {"echoes", "end"}),
    "number_reused": ({"mid-reset"}, {"echoes", "end"}),  # and by chance reset
    "out_of_descriptors": ({"descriptor-limit"}, {"echoes", "end"}),
    "past_fd_setsize": ({"past-1024"}, {"echoes", "end"}),
    "reset_fatal": ({"reset"}, {"echoes", "end", "urgent"}),  # and mid-reset, leaving, leaks, by chance neighbours
    "short_send": ({"slow-reader"}, {"echoes", "pieces", "end"}),  # and bulk, half-close
    "state_kept": ({"leaks"}, {"echoes", "end"}),
    "swallows_ctrl_c": ({"ctrl-c"}, {"echoes", "end"}),
    "until_short": ({"echoes"}, set()),  # nothing else is tried then
    "urgent_fatal": ({"urgent"}, {"echoes", "end"}),
    "worker_pool": ({"idle"}, {"echoes", "hundred"}),  # and past-1024
}
"""By bug: of the items tried here those that fail and those that pass; beside it what else failed in a full run."""
BEYOND_CHECK = {"one_recv_one_line", "two_small_sends"}
NEEDS_EPOLL = {"closed_duplicate", "edge_one_read"}
Reports = dict[tuple[str, str], Report]


def missing(name: str) -> str:
    """Why a bug can't be tried here; empty where it can."""
    return get("epoll").why_not() if name in NEEDS_EPOLL else ""


@pytest.fixture(scope="module")
def reports() -> Reports:
    """All checks at once, four beside each other: most of their time they wait."""
    with ThreadPoolExecutor(4) as pool:
        tried = {
            (name, side): pool.submit(iomux.check, getattr(clinic.case(name), side), fails | passes, progress=False)
            for name, (fails, passes) in EXPECTED.items()
            for side in ("serve", "cured")
            if not missing(name)
        }
    return {key: report.result() for key, report in tried.items()}


@pytest.mark.timeout(600)  # the fixture's time counts as the first test's
@pytest.mark.parametrize("name", EXPECTED)
class TestPatient:
    def test_the_bug_fails_its_item_and_no_neighbour(self, name: str, reports: Reports) -> None:
        if reason := missing(name):
            pytest.skip(reason)
        report = reports[name, "serve"]
        fails, passes = EXPECTED[name]
        if set(report.failed) < fails:  # on a busy machine a bug may do no harm by chance: once more
            report = iomux.check(clinic.case(name).serve, fails | passes, progress=False)
        assert set(report.failed) == fails, report
        assert {result.name for result in report.results if result.status == "passed"} == passes, report

    def test_the_cure_passes_them_all(self, name: str, reports: Reports) -> None:
        if reason := missing(name):
            pytest.skip(reason)
        report = reports[name, "cured"]
        assert report.passed, report
        assert not report.not_seen, report


def test_all_bugs_are_tried_and_twelve_are_caught_by_twelve_different_items() -> None:
    assert set(EXPECTED) | BEYOND_CHECK == set(clinic.cases())
    assert len(set.union(*(fails for fails, _ in EXPECTED.values()))) >= 12


@pytest.mark.parametrize("name", clinic.cases())
def test_a_cure_is_a_few_lines_beside_what_it_cures(name: str) -> None:
    lines = clinic.diff(name).partition("--- sick\n+++ cured\n")[2].splitlines()
    changed = [line for line in lines if line[:1] in {"+", "-"} and line[1:].strip()]
    assert 1 <= sum(line.startswith("+") for line in changed) <= 8, changed
    assert clinic.sick(name)
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
    assert clinic.diff("state_kept").startswith("--- sick")


def test_an_unknown_bug_is_named_with_those_there_are() -> None:
    with pytest.raises(LookupError, match="short_send"):
        clinic.case("hiccups")


def lines(side: str) -> bytes:
    with (
        iomux.start(getattr(clinic.case("one_recv_one_line"), side), handler=bytes.upper) as server,
        socket.create_connection(server.address, timeout=20) as client,
    ):
        for piece in (b"hel", b"lo\n", b"you\nthere\n"):
            client.sendall(piece)
            time.sleep(0.2)
        client.shutdown(socket.SHUT_WR)
        return receive_all(client)


def test_a_line_is_what_ends_with_a_newline_not_what_one_recv_returns() -> None:
    assert lines("serve") != b"HELLO\nYOU\nTHERE\n"
    assert lines("cured") == b"HELLO\nYOU\nTHERE\n"


def test_two_small_sends_lose_no_byte() -> None:
    report = iomux.check(clinic.case("two_small_sends").serve, ["echoes", "pieces", "together"], progress=False)
    assert report.passed, report


def test_the_meter_sees_a_visit_and_what_it_leaves_behind() -> None:
    def pass_by(address: tuple[str, int]) -> None:
        socket.create_connection(address).close()

    frame = watch(clinic.case("end_ignored").serve, pass_by, 0.9)
    before, after = frame[frame.t_s < 0.3].cpu_percent, frame[frame.t_s > 0.5].cpu_percent
    assert after.mean() > 5 * max(before.median(), 1)


def test_what_comes_back_is_counted_to_the_end() -> None:
    frame = come_back("poll", 1 << 20, pause=0.05)
    assert (frame.back_mib.iloc[-1], frame.missing_kib.max()) == (1, 0)
    assert frame.t_s.is_monotonic_increasing
