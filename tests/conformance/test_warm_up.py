"""What fails while an item is prepared: another item's fault, or the item's own if that other one has passed."""

import contextlib
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from iomux.conformance.check import NAMES
from iomux.conformance.trial.items import ITEMS, under_pressure, warm_up
from iomux.conformance.trial.patience import eventually
from iomux.conformance.trial.subject import Fault, NotSeen, NotSeenHere, Subject, under_trial
from iomux.conformance.trying import try_all
from tests.support.checks import check

NOBODY = Subject(("127.0.0.1", 1))


def test_it_is_the_other_items_fault_as_long_as_that_may_have_failed() -> None:
    with under_trial(NOBODY), pytest.raises(NotSeen, match="no answer: see the item echoes") as seen, warm_up("echoes"):
        raise Fault("no answer")
    assert seen.value.see == "echoes"


def test_it_is_the_items_own_if_the_other_has_passed() -> None:
    with under_trial(NOBODY, passed=["echoes"]), pytest.raises(Fault, match="no answer") as seen, warm_up("echoes"):
        raise Fault("no answer")
    assert "The item echoes asks for the same, and passed" in seen.value.hint
    with under_trial(NOBODY), pytest.raises(NotSeen), warm_up("echoes"):
        raise Fault("what had passed is forgotten with that trial")


def test_a_call_that_fails_is_likewise_the_items_own() -> None:
    """Else its hint would be about what the item asks, to which it has not come."""
    with under_trial(NOBODY), pytest.raises(NotSeen, match="reset by peer: see the item bulk"), warm_up("bulk"):
        raise ConnectionResetError(104, "Connection reset by peer")
    with under_trial(NOBODY, passed=["bulk"]), pytest.raises(Fault, match="reset by peer") as seen, warm_up("bulk"):
        raise ConnectionResetError(104, "Connection reset by peer")
    assert "The item bulk asks for the same, and passed" in seen.value.hint


def test_under_pressure_a_right_server_may_fail_what_it_passes_otherwise() -> None:
    for passed in ((), ("silence",)):
        with under_trial(NOBODY, passed), pytest.raises(NotSeen) as seen, under_pressure("silence"):
            raise Fault("sent away")
        assert not seen.value.see, "so it is not tried once more"


def test_what_this_machine_hides_stays_its_own_fault() -> None:
    """Else a report would not say that another machine sees more, and its status would be another one."""
    for prepare in (warm_up, under_pressure):
        with under_trial(NOBODY), pytest.raises(NotSeenHere, match="too busy"), prepare("silence"):
            raise NotSeenHere("too busy")


def test_what_this_machine_is_short_of_is_nobodys_fault() -> None:
    with under_trial(NOBODY), pytest.raises(OSError, match="too many"), warm_up("echoes"):
        raise OSError(24, "too many open files")


def shows_out_after_a_thousand_messages(listener: socket.socket) -> NoReturn:
    while True:
        client, _ = listener.accept()
        with client, contextlib.suppress(OSError):
            for _ in range(1000):
                client.sendall(client.recv(65536))


def test_such_an_item_is_tried_once_more_and_fails() -> None:
    report = check(shows_out_after_a_thousand_messages, ("echoes", "history"))
    assert report.failed == ("history",)
    assert "the server ended the connection" in report["history"].seen
    alone = check(shows_out_after_a_thousand_messages, "history")["history"]
    assert (alone.status, alone.seen.endswith("see the item echoes")) == ("not seen", True), "nobody has tried that one"


def _meets(mine: Path, other: Path) -> Callable[[Subject], None]:
    """A trial that blames another item at first; the second time it waits for another one's second time."""

    tried = mine.with_suffix(".tried")

    def trial(subject: Subject) -> None:
        if not tried.exists():
            tried.touch()
            with warm_up("echoes"):
                raise Fault("it is tried for the first time")
        mine.touch()
        if not eventually(other.exists):
            raise Fault("it was alone")

    return trial


def test_what_is_tried_once_more_is_tried_side_by_side(tmp_path: Path) -> None:
    """One after another, a wrong server's time would be over before the last of them."""
    paths = [tmp_path / name for name in ("flood", "history")]
    items = {NAMES[0]: ITEMS[NAMES[0]]}
    for mine, other in (paths, paths[::-1]):
        items[mine.name] = replace(ITEMS[mine.name], trial=_meets(mine, other))
    report = try_all(items, "echo", "poll", None, False, 25.0)
    assert report.passed, report
