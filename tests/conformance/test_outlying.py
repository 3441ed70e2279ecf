"""`iomux.check` on servers that are strange where it seldom looks: after the answer, at the door, in what remains."""

from typing import Any

import pytest

import iomux
from iomux.conformance.echo import order, remains, visits
from iomux.conformance.trial import patience
from iomux.conformance.trial.items import ITEMS
from iomux.conformance.trial.outcome import try_item
from iomux.conformance.trial.subject import NotSeen, Subject
from iomux.system.sock_diag.other_end import missing
from tests.students import outlying
from tests.support.checks import check, saw_all, told

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "the kernel tells of a connection's other end")


@pytest.mark.parametrize(
    ("serve", "items"),
    [
        (outlying.paces, ("prompt",)),
        (outlying.keeps_a_journal, ("prompt",)),
        (outlying.serves_one_address, ("bulk", "half-close", "slow-reader")),
        (outlying.forks_twice, ("leaks", "children", "ctrl-c")),
    ],
    ids=["paces", "keeps_a_journal", "serves_one_address", "forks_twice"],
)
def test_a_right_server_passes(serve: Any, items: tuple[str, ...]) -> None:
    report = check(serve, ("echoes", *items))
    assert report.failed == (), str(report)
    saw_all(report)


@pytest.mark.parametrize(
    ("serve", "item", "seen", "hint"),
    [
        (outlying.grandchildren_stay, "leaks", "the processes of clients that have left go on", "child"),
        (outlying.ends_at_quit, "pieces", "a client whose message is a word or a line end got nothing back", "'quit'"),
        (outlying.waits_behind_a_full_buffer, "sizes", "a client with 1,500 bytes in a message", "exactly"),
        (
            outlying.keeps_who_half_closes,
            "leaks",
            "descriptors of clients that half-closed while owed bytes stay open",
            "every way out",
        ),
        (outlying.closes_twice, "leaks", "one of thousands of visitors got nothing back", "closed twice"),
        (
            outlying.takes_eintr_for_an_end,
            "reset",
            "the server was stopped (SIGSTOP) and went on (SIGCONT), and then it did not serve a client",
            "EINTR",
        ),
        (
            outlying.takes_eintr_for_an_end,
            "lump",
            "the server was stopped (SIGSTOP) and went on (SIGCONT), and then it did not serve a client",
            "EINTR",
        ),
        (
            outlying.moves_clients_without_their_bytes,
            "silence",
            "a client that had not read for some seconds got",
            "Others have left meanwhile",
        ),
    ],
)
def test_a_wrong_one_fails_the_item_made_for_it_and_is_told_why(serve: Any, item: str, seen: str, hint: str) -> None:
    result = told(check(serve, ("echoes", item)))[item]
    assert result.status == "failed"
    assert result.seen.startswith(seen)
    assert hint in result.hint


def test_order_says_what_it_can_be_if_bytes_are_lost_only_while_more_is_said() -> None:
    """Whether a client that only reads meets this fault, too, is luck: here it has not."""
    with iomux.start(outlying.counts_parts_in_sixteen_bits) as server:
        outcome = try_item(ITEMS[order.order.__name__], Subject(server.address, server.pid), ("echoes", "slow-reader"))
    assert outcome.status == "failed"
    assert outcome.seen.startswith("the client got other bytes than it had sent")
    assert "from the very byte where it stopped" in outcome.hint


@pytest.mark.parametrize("serve", [outlying.answers_once, outlying.answers_twice])
def test_who_ends_each_client_after_some_messages_is_not_said_to_be_interrupted(serve: Any) -> None:
    """The server is stopped in that item, and a client's next message is not answered afterwards: nor is it else."""
    result = check(serve, "lump")["lump"]
    assert result.status == "failed"
    assert "SIGSTOP" not in result.seen
    assert "EINTR" not in result.hint


def test_a_heap_that_is_collected_late_is_asked_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first collections come after three of the halves after which another one is said to keep everything."""
    said, full = 0, 3 * remains._ENOUGH // 2

    def say(_: object, count: int, seconds: float) -> int:
        nonlocal said
        said += count
        return count

    monkeypatch.setattr(remains, "_say", say)
    monkeypatch.setattr(remains, "rss_bytes", lambda _: min(said, full))
    monkeypatch.setattr(remains, "collected_late", lambda _: "a Java machine")
    with iomux.start("poll") as server:
        remains._ask_until_sure(Subject(server.address, server.pid), None)  # type: ignore[arg-type]
        full = 1 << 40
        monkeypatch.setattr(visits, "collected_late", lambda _: "a Java machine")
        with pytest.raises(NotSeen, match="a Java machine"):
            remains._ask_until_sure(Subject(server.address, server.pid), None)  # type: ignore[arg-type]


def test_a_setting_of_go_says_nothing_of_another_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOGC", "off")
    with iomux.start("poll") as server:
        subject = Subject(server.address, server.pid)
        assert patience.collected_late(subject) == ""
        monkeypatch.setattr(patience, "_IS_GO", b"Python")  # found in its program
        assert "Go" in patience.collected_late(subject)


@pytest.mark.parametrize(("whose", "holds_mib", "keeps_all"), [("a Java machine", 700, False), ("", 384, True)])
def test_memory_that_grows_with_all_that_is_said_is_kept_unless_a_heap_comes_to_its_end(
    monkeypatch: pytest.MonkeyPatch, whose: str, holds_mib: int, keeps_all: bool
) -> None:
    said = [0]

    def say(count: int) -> int:
        said[0] += count
        return count

    monkeypatch.setattr(patience, "rss_bytes", lambda _: min(said[0], holds_mib << 20))
    monkeypatch.setattr(patience, "collected_late", lambda _: whose)
    with iomux.start("threaded") as server:
        assert bool(patience.grown_with_all(Subject(server.address, server.pid), say, 48 << 20)) is keeps_all
