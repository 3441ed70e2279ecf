"""What fails while an item is prepared: another item's fault, or the item's own if that other one has passed."""

import contextlib
import socket
from typing import NoReturn

import pytest

from iomux.conformance.trial.items import under_pressure, warm_up
from iomux.conformance.trial.subject import Fault, NotSeen, NotSeenHere, Subject, under_trial
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
