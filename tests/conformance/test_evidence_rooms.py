"""The shortest conversation of a chat room that fails: minimal for each planted fault, and none for a right room."""

import contextlib
import sys
import time
from collections.abc import Iterator

import pytest

import iomux
from iomux import servers
from iomux.conformance.evidence.candidates import candidates
from iomux.conformance.evidence.conversation import Line
from iomux.conformance.evidence.gathering import Evidence, shrunk
from iomux.conformance.evidence.shortest import Fresh
from iomux.conformance.evidence.talks import ROOM
from iomux.conformance.trial.subject import Subject
from tests.students.evident_rooms import dies_of_a_reset, doubles, greets, stops_at_nul, to_all

pytestmark = pytest.mark.usefixtures("searched")

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells when a server is at rest on Linux only")


def search(server: servers.Serve, item: str) -> Evidence | None:
    @contextlib.contextmanager
    def start() -> Iterator[Fresh]:
        with iomux.start(server) as running:
            yield Fresh(Subject(running.address, running.pid), str)
            running.stop()

    return shrunk(candidates(ROOM[item], ()), "", start, "", time.monotonic() + 60)


JOINED = ("client 1 connects", "client 2 connects", "all wait until the room has let them in")


@linux
@pytest.mark.parametrize(
    ("server", "item", "rest"),
    [
        (doubles, "passes-on", ('client 1 sends "a\\n"', "client 2 reads the answer: more bytes come than are due")),
        (
            to_all,
            "not-to-sender",
            (
                'client 1 sends "a\\n"',
                "client 2 reads the answer",
                "client 1 reads on: more bytes come than are due",
            ),
        ),
        (
            stops_at_nul,
            "every-byte",
            ('client 1 sends "a\\x00b\\n"', "client 2 reads the answer: only 1 of 4 bytes comes"),
        ),
    ],
)
def test_the_shortest_conversation_is_minimal(server: servers.Serve, item: str, rest: tuple[str, ...]) -> None:
    evidence = search(server, item)
    assert evidence is not None
    assert evidence.steps == (*JOINED, *rest)


@linux
def test_a_room_that_dies_of_a_reset_is_shown_by_three_members() -> None:
    evidence = search(dies_of_a_reset, "resets")
    assert evidence is not None
    assert "client 1 resets its connection" in evidence.steps
    assert "SO_LINGER" in "".join(evidence.command)


@linux
@pytest.mark.parametrize("item", sorted(ROOM))
def test_a_right_room_has_none_even_if_it_greets(item: str) -> None:
    assert search(greets, item) is None


def test_a_member_is_owed_what_others_say() -> None:
    assert [line.do for line in next(candidates(ROOM["passes-on"], ()))] == [
        "connect",
        "connect",
        "meet",
        "say",
        "expect",
    ]
    assert Line(1, "meet") in next(candidates(ROOM["urgent"], ()))
