"""What the clients of an item did is recorded, and the bytes around the first difference are shown."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from iomux.conformance.trial.clients import compare
from iomux.conformance.trial.recording import Recording
from iomux.conformance.trial.subject import Fault
from iomux.conformance.trial.window import first_difference, window
from iomux.system.sockets import reset, tcp_pair


@contextlib.contextmanager
def recorded_client(recording: Recording) -> "Iterator[tuple[socket.socket, socket.socket]]":
    near, far = tcp_pair()
    with near:
        yield near, recording.client(far)


def test_each_call_of_a_client_is_a_step() -> None:
    recording = Recording()
    with recorded_client(recording) as (near, client):
        client.sendall(b"abc")
        near.sendall(b"abc")
        assert client.recv(3) == b"abc"
        client.send(b"!", socket.MSG_OOB)
        client.shutdown(socket.SHUT_WR)
        client.close()
    assert [(step.act, step.size) for step in recording.steps()] == [
        ("connect", 0),
        ("send", 3),
        ("read", 0),
        ("urgent", 1),
        ("shutdown", 0),
        ("close", 0),
    ]


def test_a_reset_is_told_from_a_close() -> None:
    recording = Recording()
    with recorded_client(recording) as (_, client):
        reset(client)
    assert recording.steps()[-1].act == "reset"


def test_the_close_after_a_failure_is_no_step() -> None:
    recording = Recording()
    with recorded_client(recording) as (_, client), contextlib.suppress(Fault), client:
        raise Fault("it failed")
    assert [step.act for step in recording.steps()] == ["connect"]


def test_a_recorded_client_keeps_its_time_out() -> None:
    near, far = tcp_pair()
    far.settimeout(0.25)
    with near, Recording().client(far) as client:
        assert client.gettimeout() == 0.25


def test_only_the_beginning_of_much_is_kept() -> None:
    recording = Recording()
    with recorded_client(recording) as (_, client):
        client.send(bytes(1 << 20))
        client.close()
    assert len(recording.steps()[1].data) <= 128 * 1024 < 1 << 20


@pytest.mark.parametrize(
    ("sent", "got", "caret"),
    [
        (b"abc", b"", "^ stopped after 0 of 3 bytes: nothing more came"),
        (b"abc", b"ab", "^ stopped after 2 of 3 bytes: nothing more came"),
        (b"a", b"aa", "^ more came than the 1 byte due"),
        (b"a\0b", b"ab", "^ byte 1 is wrong: 'b' (0x62) instead of '\\x00' (0x00)"),
    ],
)
def test_the_caret_is_under_the_first_wrong_byte(sent: bytes, got: bytes, caret: str) -> None:
    lines = window(sent, got, "nothing more came")
    assert lines[2].lstrip() == caret
    column = lines[2].index("^")
    assert lines[0][:column] == lines[1][:column].replace("came:", "due: ") or not got


@pytest.mark.parametrize("place", [0, 1, 11, 12, 13, 4095, 4096, 99_999])
def test_the_first_difference_is_found(place: int) -> None:
    sent = bytes(range(256)) * 400
    got = sent[:place] + bytes([sent[place] ^ 1]) + sent[place + 1 :]
    assert first_difference(sent, got) == place
    assert max(map(len, window(sent, got))) <= 84
    assert f"byte {place:,} is wrong" in window(sent, got)[-1]


def test_a_comparison_that_fails_carries_its_window() -> None:
    with pytest.raises(Fault) as fault:
        compare(b"abc", b"abd", "", "the client")
    assert fault.value.detail["window"] == window(b"abc", b"abd", "")


def test_who_looks_for_a_cause_is_not_recorded() -> None:
    recording = Recording()
    near, far = tcp_pair()
    with recording.paused(), near, recording.client(far) as client:
        client.sendall(b"a")
    assert recording.steps() == ()
