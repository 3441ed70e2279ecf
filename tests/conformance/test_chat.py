"""`iomux.check_chat`: the model room passes, and the right item finds each planted fault."""

import inspect
from typing import Any

import pytest

import iomux
from iomux.conformance.chat.room import CHAT_ITEMS
from iomux.course.coursework import chat

PAY = "del owed[: self.members[fd].send(owed)]"
TOO_MUCH = "if lost or len(owed) > MOST_OWED_BYTES:"
LOST = "other bytes than were sent: some were lost, doubled, or out of order"

FAULTS = {
    "sends back to its sender": ("not-to-sender", " if other != fd]", "]", "a member got its own message back"),
    "tells one member only": ("passes-on", " if other != fd]", " if other != fd][:1]", "did not reach all the others"),
    "takes send for complete": ("late-reader", PAY, "self.members[fd].send(owed); owed.clear()", LOST),
    "overtakes what is owed": ("late-reader", "self.owed[other] += data", "self.owed[other][:0] = data", LOST),
    "lets go at once": ("late-reader", "MOST_OWED_BYTES = 1 << 20", "MOST_OWED_BYTES = 0", "got a part"),
    "waits for the slow one": (
        "slow-reader",
        PAY,
        "self.members[fd].setblocking(True); self.members[fd].sendall(owed); owed.clear()",
        "next to a member that does not read, one that does got",
    ),
    "keeps all": ("memory", TOO_MUCH, "if lost:", "memory grew by more than 16 MiB"),
    "forgets the oldest": (
        "falls-behind",
        TOO_MUCH,
        "del owed[:-MOST_OWED_BYTES]\n        if lost:",
        "without the middle",
    ),
    "dies of a reset": (
        "leaving",
        "except OSError:\n            data",
        "except EOFError:\n            data",
        "the server ended",
    ),
    "dies while it pays": (
        "mid-reset",
        "except OSError:\n            lost",
        "except EOFError:\n            lost",
        "the server ended",
    ),
    "always wants to write": ("silent", "READ | WRITE if owed else READ", "READ | WRITE", "the room never sleeps"),
    "keeps the sockets": (
        "leaks",
        "self.members.pop(fd).close()",
        "self.kept.append(self.members.pop(fd))",
        "stay open",
    ),
}


def planted(right: str, wrong: str) -> Any:
    """The model room with a fault in it."""
    source = inspect.getsource(chat)
    assert right in source
    source = source.replace(right, wrong).replace("self.poller = ", "self.kept = []\n        self.poller = ")
    namespace: dict[str, Any] = {"__name__": "planted"}
    exec(compile(source, "planted", "exec"), namespace)
    return namespace["serve_chat"]


def test_the_model_room_gets_all_points() -> None:
    report = iomux.check_chat(chat.serve_chat, progress=False)
    report.raise_if_failed()
    assert report.earned == report.points == 100
    assert [result.name for result in report.results] == list(CHAT_ITEMS)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_by_its_item(fault: str) -> None:
    item, right, wrong, seen = FAULTS[fault]
    report = iomux.check_chat(planted(right, wrong), only=item, progress=False)
    assert report.failed == (item,)
    assert seen in report[item].seen
    with pytest.raises(AssertionError, match=item):
        report.raise_if_failed()


def test_an_echo_server_is_no_chat_room() -> None:
    report = iomux.check_chat("poll", only=["passes-on", "leaks"], progress=False)
    assert report.earned == 0
    assert "does not pass messages on" in report["leaks"].seen


def test_an_item_for_echo_servers_is_unknown_to_the_chat_check() -> None:
    with pytest.raises(LookupError, match="passes-on"):
        iomux.check_chat("poll", only="echoes")
