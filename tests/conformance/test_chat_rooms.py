"""`iomux.check_chat` on the model rooms, on right ones with habits of their own, and on planted faults."""

import inspect
from pathlib import Path
from typing import Any

import pytest

import iomux
from iomux.conformance.chat import limits, room
from iomux.conformance.chat.manners import Manners
from iomux.conformance.chat.room import CHAT_ITEMS
from iomux.conformance.check import check_chat
from iomux.conformance.judging import manners_of
from iomux.conformance.targets import target_of
from iomux.conformance.trial.subject import NotSeenHere, Subject
from iomux.course.coursework import chat
from iomux.solutions import coursework
from tests.students import faulty_rooms, other_rooms
from tests.students.rooms import LISTENS_ON, RIGHT, room_file
from tests.students.subtle_rooms import SUBTLE, TAKES_FIRST_WORDS
from tests.support.required import LONG

FOLLOWS = {"dies of a reset": ("leaving", "leaks", "silent")}
"""Items about something else that contain the fault as well, and say so after their own cause was seen to be absent."""
FAULTS = faulty_rooms.FAULTS | SUBTLE
_ONE_EACH = {item: name for name, (item, _, _) in faulty_rooms.FAULTS.items()}
TRIED = FAULTS if LONG else [*_ONE_EACH.values(), *SUBTLE]
"""The faults that are tried: without IOMUX_LONG one for each item, and the subtle ones."""
NAMES = [
    *("passes-on", "not-to-sender", "every-byte", "in-order", "last-words", "many"),
    *("late-reader", "slow-reader", "falls-behind", "memory", "let-go", "deaf-speaker"),
    *("leaving", "resets", "mid-reset", "leaks", "silent", "descriptor-limit", "urgent", "ctrl-c"),
]


def test_the_points_of_all_items_are_a_round_hundred_and_lost_bytes_cost_most() -> None:
    assert set(CHAT_ITEMS) == set(NAMES)
    assert sum(item.points for item in CHAT_ITEMS.values()) == 100
    assert max(CHAT_ITEMS.values(), key=lambda item: item.points).name == "late-reader"


def test_the_check_and_the_model_room_agree_on_what_is_kept_for_a_slow_member() -> None:
    assert chat.MOST_OWED_BYTES == room.MOST_OWED_BYTES


@pytest.mark.parametrize("model", [chat.serve_chat, coursework.serve_lines], ids=lambda serve: serve.__name__)
def test_the_model_rooms_get_all_points(model: Any) -> None:
    report = check_chat(model, progress=False)
    report.raise_if_failed()
    assert report.earned == 100
    assert [result.name for result in report.results] == NAMES


def test_a_room_that_uses_a_member_after_it_has_left_is_caught_each_time() -> None:
    source = inspect.getsource(coursework.serve_lines).replace(" and fd in room.members", "")
    names: dict[str, Any] = {**vars(coursework), "__name__": "planted"}
    exec(source, names)
    for _ in range(3 if LONG else 1):
        report = check_chat(names["serve_lines"], only="deaf-speaker", progress=False, evidence=False)
        assert "KeyError" in report["deaf-speaker"].seen


@pytest.mark.parametrize("habit", RIGHT)
def test_a_right_room_with_habits_passes(habit: str, tmp_path: Path) -> None:
    some = {
        "passes-on",
        *NAMES[list(RIGHT).index(habit) % 6 :: 1 if LONG else 6],
    }  # the rooms below are tried with every item
    report = check_chat(room_file(tmp_path, RIGHT[habit]), only=some, progress=False)
    report.raise_if_failed()
    assert report.earned == report.points


@pytest.mark.parametrize(
    ("built", "some"),
    [(other_rooms.serve_by_tasks, NAMES[::2]), (other_rooms.serve_by_threads, NAMES[1::2])],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_right_room_passes_however_it_is_built(built: Any, some: list[str]) -> None:
    report = check_chat(built, NAMES if LONG else ["passes-on", *some], progress=False)
    report.raise_if_failed()
    assert report.earned == report.points


@pytest.mark.parametrize("fault", TRIED)
def test_a_fault_fails_the_item_that_is_made_for_it_and_no_other(fault: str, tmp_path: Path) -> None:
    item, seen, parts = FAULTS[fault]
    due = {"passes-on", item, *FOLLOWS.get(fault, ())}
    others = NAMES if LONG else ()  # all on every fault: minutes
    report = check_chat(room_file(tmp_path, parts), due.union(others), progress=False, seconds=120, evidence=LONG)
    assert set(report.failed) == {item, *FOLLOWS.get(fault, ())}
    assert seen in report[item].seen
    words = ("see the item", "none was free again")
    assert all(any(word in report[name].seen for word in words) for name in report.not_seen)


def test_a_room_that_finds_out_late_who_has_left_is_seen_at_its_limit(tmp_path: Path) -> None:
    some = NAMES if LONG else ["passes-on", "leaving", "leaks", "silent", "descriptor-limit"]
    report = check_chat(room_file(tmp_path, LISTENS_ON), some, progress=False)
    report.raise_if_failed()
    assert report.not_seen == ()


def test_a_room_that_prints_much_at_its_limit_on_a_busy_machine_is_not_said_to_spin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter((False, True))
    monkeypatch.setattr(limits, "busy", lambda _: next(answers))
    monkeypatch.setattr(limits, "busy_printing", lambda _: True)
    with iomux.start(chat.serve_chat) as server, pytest.raises(NotSeenHere, match="it prints much"):
        limits.descriptor_limit(Subject(server.address, server.pid))


def test_a_room_may_ask_for_a_name_and_that_is_a_note(tmp_path: Path) -> None:
    asks = (*TAKES_FIRST_WORDS, ("bytearray())", 'bytearray())\n        self.pay(new, b"Your name?\\n")'))
    report = check_chat(room_file(tmp_path, asks), only=["passes-on", "in-order", "many", "leaks"], progress=False)
    report.raise_if_failed()
    assert report.earned == report.points
    assert "what a member says first is not passed on" in str(report)


def test_a_room_that_loses_bytes_gets_no_good_mark(tmp_path: Path) -> None:
    report = check_chat(room_file(tmp_path, FAULTS["takes send for complete"][2]), progress=False)
    assert report.earned <= 75


@pytest.mark.parametrize(
    ("habit", "due"),
    [
        ("as it is", Manners()),
        ("greets", Manners(greeting=b"Welcome\n")),
        ("greets and tells who joins", Manners(b"* one has joined\n", b"* one has joined\n")),
        ("speaks in lines", Manners(in_lines=True)),
    ],
)
def test_what_a_room_does_by_its_own_rules_is_found_out_and_named(habit: str, due: Manners, tmp_path: Path) -> None:
    found = manners_of(target_of(room_file(tmp_path, RIGHT[habit])))
    assert found == due
    assert len(found.notes()) == sum(map(bool, (found.greeting, found.joining, found.in_lines)))
    assert not found.refusal()


def test_a_room_that_tells_who_has_left_is_told_how_to_fit(tmp_path: Path) -> None:
    says_so = 'sock.close()\n            [self.pay(one, b"* one has left\\n") for one in list(self.members)]'
    tells = (("sock.close()", says_so),)
    found = manners_of(target_of(target := room_file(tmp_path, tells)))
    assert found == Manners(leaving=b"* one has left\n")
    assert "'* one has left'" in found.refusal()
    assert found.notes() == ()
    report = check_chat(target, only=["passes-on", "mid-reset"], progress=False)
    assert report.failed == ()
    assert report["mid-reset"].seen == found.refusal()


@pytest.mark.parametrize("habit", ["as it is", "greets", "speaks in lines"])
def test_the_report_names_what_a_room_does_by_its_own_rules(habit: str, tmp_path: Path) -> None:
    report = check_chat(room_file(tmp_path, RIGHT[habit]), only=["passes-on", "leaving"], progress=False)
    assert report.passed
    words = {"greets": "Welcome", "speaks in lines": "before a newline"}.get(habit)
    assert (words in str(report)) if words else not report.notes


def test_a_server_that_passes_nothing_on_has_no_manners() -> None:
    assert manners_of(target_of("poll")) == Manners()


def test_an_echo_server_is_no_chat_room() -> None:
    report = check_chat("poll", only=["passes-on", "leaks"], progress=False)
    assert report.earned == 0
    assert report["passes-on"].seen == "what one member sent did not reach all the others"
    assert "does not pass messages on" in report["leaks"].seen
    with pytest.raises(AssertionError, match="passes-on"):
        report.raise_if_failed()


def test_an_item_for_echo_servers_is_unknown_to_the_chat_check() -> None:
    with pytest.raises(LookupError, match="passes-on"):
        check_chat("poll", only="echoes")


def test_a_slow_member_joins_at_an_address_of_either_family() -> None:
    for host in ("127.0.0.2", "::1"):
        with iomux.listen(host) as listener, room.slow(Subject(listener.getsockname()[:2])) as member:
            assert member.getpeername()[0] == host
