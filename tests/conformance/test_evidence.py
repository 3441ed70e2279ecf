"""The shortest conversation that fails: the minimal one for each planted fault, and none for a right server."""

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import pytest

import iomux
from iomux import servers
from iomux.conformance.evidence.candidates import ECHO, candidates
from iomux.conformance.evidence.commands import command, tape
from iomux.conformance.evidence.conversation import Conversation, Line, alone, in_pieces, last_number, without_waiting
from iomux.conformance.evidence.gathering import Evidence, as_recorded
from iomux.conformance.evidence.replay import Failure, replay
from iomux.conformance.evidence.shortest import Fresh, shortest
from iomux.conformance.evidence.words import recorded, steps
from iomux.conformance.trial.recording import Step
from iomux.conformance.trial.subject import Subject
from tests.students.evident import (
    at_most_1000,
    dies_of_a_reset,
    doubles,
    forgets_the_second,
    loses_the_last_of_4096,
    never_closes,
    slow,
    stops_at_nul,
    swaps_what_is_large,
    takes_send_for_all,
)
from tests.support.checks import check

pytestmark = pytest.mark.usefixtures("searched")

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells when a server is at rest on Linux only")
SECONDS = 60.0


def search(server: servers.Serve, item: str, seconds: float = SECONDS) -> Conversation:
    @contextlib.contextmanager
    def start() -> Iterator[Fresh]:
        with iomux.start(server) as running:
            yield Fresh(Subject(running.address, running.pid), str)
            running.stop()

    found = shortest(candidates(ECHO[item], ()), start, time.monotonic() + seconds)
    return found.conversation if found else ()


RESET = (Line(1, "connect"), Line(1, "reset"), Line(1, "pause"), Line(2, "connect"))
MINIMAL: list[tuple[servers.Serve, str, Sequence[Line]]] = [
    (stops_at_nul, "sizes", alone(b"\0")),
    (doubles, "echoes", alone(b"a")),
    (loses_the_last_of_4096, "sizes", alone(b"a" * 4096)),
    (at_most_1000, "sizes", alone(b"a" * 1001)),
    (forgets_the_second, "echoes", alone(b"a", b"b")),
    (never_closes, "end", (Line(1, "connect"), Line(1, "shutdown"), Line(1, "end"))),
    (dies_of_a_reset, "reset", RESET),
]


@linux
@pytest.mark.parametrize(("server", "item", "minimal"), MINIMAL, ids=[item for _, item, _ in MINIMAL])
def test_the_shortest_conversation_is_minimal(server: servers.Serve, item: str, minimal: Sequence[Line]) -> None:
    assert search(server, item) == tuple(minimal)


@linux
def test_lost_sends_are_shown_by_one_client_that_reads_late() -> None:
    conversation = search(takes_send_for_all, "bulk")
    assert [line.do for line in conversation] == ["connect", "send", "pause", "expect"]
    assert len(conversation[1].data) >= 1 << 20


@linux
@pytest.mark.parametrize("item", ["echoes", "end", "reset", "urgent"])
def test_a_right_server_has_none(item: str) -> None:
    assert search(dies_of_a_reset if item == "end" else takes_send_for_all, item) == ()


@linux
def test_a_server_that_takes_its_time_has_none() -> None:
    assert search(slow, "sizes", seconds=4) == ()


@linux
def test_a_report_shows_it_with_a_command_and_a_tape() -> None:
    evidence = check(stops_at_nul, "sizes", evidence=True)["sizes"].evidence
    assert evidence.shortest
    assert evidence.steps == ("a client connects", 'it sends "\\x00"', "it reads the answer: nothing comes")
    assert evidence.command == ("printf '\\000' | nc -N 127.0.0.1 PORT | od -A d -c",)


DONE = (Step(1, "connect"), Step(1, "send", 3, b"abc"), Step(1, "read"))


def test_what_has_no_shorter_conversation_is_told_as_recorded() -> None:
    detail = {"window": ["due:  abc", "came: ab", "        ^ stopped"]}
    evidence = as_recorded("the client got only a part back", DONE, detail)
    assert (evidence.shortest, evidence.steps) == (False, ("a client connects, sends 3 bytes, reads",))
    assert evidence.window == tuple(detail["window"])


def test_what_chance_had_a_part_in_is_not_told() -> None:
    detail = {"window": ["due:  abc", "came: ab", "        ^ stopped"]}
    two = (*DONE, Step(2, "connect"))
    assert as_recorded("the client got only a part back", two, detail).window == ()
    assert as_recorded("the server ended with status 1", DONE, detail).steps == ()


def failing(conversation: Conversation, came: bytes = b"", how: str = "nothing more came") -> Failure:
    return Failure(len(conversation) - 1, b"".join(line.data for line in conversation), came, how)


ONES: list[Conversation] = [
    alone(b"a'%\\\0b"),
    alone(b"a" * 3000),
    alone(bytes(range(200))),
    alone(b"a", b"b"),
    alone(*[b"a"] * 100),
    without_waiting(*[b"ab"] * 100),
    in_pieces(b"a" * 1000, b"b" * 1000),
    (Line(1, "connect"), Line(1, "send", b"a"), Line(1, "reset"), Line(1, "pause"), Line(2, "connect")),
    (Line(1, "connect"), Line(1, "urgent"), Line(1, "pause"), Line(1, "send", b"a"), Line(1, "expect")),
    (Line(1, "connect"), Line(1, "send", b"a" * (1 << 20)), Line(1, "close"), Line(2, "connect")),
]


@pytest.mark.parametrize("conversation", ONES, ids=range(len(ONES)))
def test_a_command_runs_and_is_narrow(conversation: Conversation) -> None:
    lines = command(conversation, failing(conversation))
    assert max(map(len, lines)) <= 78
    if any("nc -N" in line for line in lines) and not shutil.which("nc"):
        pytest.skip("this machine has no nc")
    with iomux.start("epoll") as server:
        script = "\n".join(lines).replace("PORT", str(server.address[1]))
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("conversation", ONES, ids=range(len(ONES)))
def test_a_right_server_passes_any_conversation(conversation: Conversation) -> None:
    with iomux.start("epoll") as server:
        assert replay(conversation, Subject(server.address, server.pid), patience=20, hurry=False) is None


def test_a_tape_is_a_call_that_runs() -> None:
    call = tape('"poll"', alone(b"a", b"\0"), failing(alone(b"a", b"\0")))
    assert call == 'iomux.tape("poll", [(0.0, "a", b"a"), (0.1, "a", b"\\x00"), (0.3, "a", b"")])'
    frame = eval(call, {"iomux": iomux})
    assert list(frame[frame["mark"] == "arrival"]["size_bytes"]) == [1, 1]
    assert tape('"poll"', ONES[7], failing(ONES[7])) == "", "a tape's clients can't reset"


def test_repeated_steps_are_told_once() -> None:
    asks = alone(*[b"a"] * 10)
    assert steps(asks, failing(asks, b"a" * 10, ""))[1] == 'it sends "a", it reads the answer; 9 times'
    sends = without_waiting(*[b"ab"] * 10)
    assert steps(sends, failing(sends))[1] == 'it sends "ab"; 10 times'


def test_clients_that_did_the_same_are_told_together() -> None:
    done = [step for client in (1, 2) for step in (Step(client, "connect"), Step(client, "send", 3, b"abc"))]
    assert recorded([*done, Step(3, "connect"), Step(3, "reset")], sizes=True) == (
        "several clients, each: connects, sends 3 bytes",
        "a client connects, resets its connection",
    )


@linux
def test_a_change_of_order_is_shown_by_numbers() -> None:
    conversation = search(swaps_what_is_large, "bulk")
    assert last_number(conversation[1].data) > 100_000


@linux
def test_a_conversation_ends_when_its_time_is_over() -> None:
    with iomux.start(slow) as server, pytest.raises(TimeoutError):
        replay(alone(b"a"), Subject(server.address, server.pid), 20, over=time.monotonic() + 0.1)


def test_a_check_without_evidence_says_what_failed_and_no_more() -> None:
    report = iomux.check(doubles, "echoes", progress=False, evidence=False)
    assert report.failed == ("echoes",)
    assert report["echoes"].seen
    assert (report["echoes"].evidence, report.built) == (Evidence(), "")
