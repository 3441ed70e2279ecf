"""`iomux.harness.tape.steps`: callbacks, generators, coroutines and asyncio take the same steps in order."""

import time
from typing import Any

import pytest

import iomux
from iomux.harness.tape import steps as steps_module
from iomux.harness.tape.server import UNRECORDABLE
from iomux.harness.tape.steps import order, steps
from iomux.servers import get, mechanisms
from tests.students.faults import says_more
from tests.students.right import BIG, asks_in_turn, big

TALK = [(0.0, "A", b"one"), (0.01, "B", b"two"), (0.02, "A", b"three"), (0.03, "B", b""), (0.04, "A", b"")]
ASKED_ONCE = ["accept", "wait for read", "recv", "handler", "send", "wait for read", "recv", "close"]
POLLING = ["select", "poll", "epoll", "generators", "coroutines", "asyncio"]


@pytest.mark.parametrize("name", POLLING)
def test_every_step_of_every_client_in_its_order(name: str) -> None:
    if reason := get(name).why_not():
        pytest.skip(reason)
    frame = steps(name, TALK)  # one name, or several
    asked_twice = [*ASKED_ONCE[:5], *ASKED_ONCE[1:]]
    assert order(frame) == {name: {"A": asked_twice, "B": ASKED_ONCE}}
    received = frame[(frame["step"] == "recv") & (frame["client"] == "A")]["size_bytes"]
    assert list(received) == [3, 5, 0]
    assert (frame["end_us"] >= frame["begin_us"]).all()
    assert frame["end_us"].is_monotonic_increasing


@pytest.mark.parametrize("name", POLLING)
def test_the_server_waits_for_a_client_that_does_not_read(name: str) -> None:
    if reason := get(name).why_not():
        pytest.skip(reason)
    frame = steps([name], [(0.0, "A", b"big"), (0.5, "A", b"")], big)
    found = order(frame)[name]["A"]
    assert found[:7] == [*ASKED_ONCE[:5], "wait for write", "send"], "sent in part, then waited for room"
    assert found[-2:] == ["recv", "close"]
    assert frame[frame["step"] == "send"]["size_bytes"].sum() == BIG
    waits = frame[frame["step"] == "wait for write"]
    assert (waits["end_us"] - waits["begin_us"]).max() > 100_000, "until it read, 0.5 s later"


def test_the_calls_are_the_same_in_every_style() -> None:
    names = [m.name for m in mechanisms() if m.available() and m.name not in ("blocking", *UNRECORDABLE)]
    found = order(steps(names, TALK), only=["recv", "send"])
    assert list(found) == names
    same = {"A": ["recv", "send", "recv", "send", "recv"], "B": ["recv", "send", "recv"]}
    assert found == dict.fromkeys(names, same)


def test_a_known_delay_is_in_the_handler() -> None:
    def slow(data: bytes) -> bytes:
        time.sleep(0.05)
        return data

    frame = steps(["poll"], TALK, slow).query("step == 'handler'")
    assert (frame["end_us"] - frame["begin_us"]).between(50_000, 500_000).all()
    assert len(frame) == 3


def test_a_function_that_calls_select_itself_shows_its_waits() -> None:
    found = order(steps([asks_in_turn], TALK))
    assert found["asks_in_turn"]["B"] == ASKED_ONCE


def test_a_server_that_sleeps_in_its_own_calls_shows_no_waits() -> None:
    found = order(steps(["threaded"], TALK))
    assert found["threaded"]["B"] == ["accept", "recv", "handler", "send", "recv", "close"]


def test_a_wrong_answer_is_detected() -> None:
    answered: list[bytes] = []

    def number(data: bytes) -> bytes:
        answered.append(data)
        return b"%d" % len(answered)

    with pytest.raises(RuntimeError, match="a wrong answer"):
        steps(["poll"], TALK, number)


def test_extra_bytes_are_detected() -> None:
    with pytest.raises(RuntimeError, match="the server sent more than it owed"):
        steps([says_more], [(0, "A", b"x"), (0.05, "A", b"")])


def test_an_answer_that_does_not_come_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps_module, "DEADLINE_S", 0.5)
    with pytest.raises(TimeoutError):
        steps(["blocking"], TALK)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ([], "the script is empty"),
        ([(1, "A", b"x"), (0, "A", b"")], "not in the order of their times"),
        ([(0, "A", b"x")], "client A: its last line, and only that, has no bytes"),
        ([(0, "A", b""), (1, "A", b"")], "client A: its last line"),
        ([(0, "A", b""), (1, "A", b"x")], "client A: its last line"),
    ],
)
def test_a_script_that_can_not_be_played_is_refused(script: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        steps(["poll"], script)


def test_what_can_not_be_recorded_is_refused() -> None:
    with pytest.raises(LookupError, match="no server is called 'nope'"):
        steps(["nope"], TALK)
    for name in ("uvloop", "io_uring"):
        if not get(name).why_not():
            with pytest.raises(ValueError, match=f"{name} can't be recorded"):
                steps([name], TALK)


def test_the_figure_has_a_lane_for_each_client_and_server() -> None:
    frame = steps(["poll", "asyncio"], TALK)
    ax = iomux.plot.steps(frame)
    lanes = [label.get_text() for label in ax.get_yticklabels()]
    assert lanes == ["A: poll", "A: asyncio", "B: poll", "B: asyncio"]
    waits = frame[frame["step"].str.startswith("wait")]
    assert len([bar for bar in ax.patches if bar.get_width() > 0]) >= len(waits)  # type: ignore[attr-defined]
    legend = ax.get_legend()
    assert legend is not None
    assert {text.get_text() for text in legend.get_texts()} == set(frame["step"])
