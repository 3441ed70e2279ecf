"""The clinic beside its checks: what a diff shows and names, and the meters of its symptoms."""

import fcntl
import socket
import sys
import termios

import pytest

import iomux
from iomux.course import clinic
from iomux.course.clinic.symptoms import come_back, watch
from iomux.system.features import available
from iomux.system.procfs import queues
from tests.support.checks import check
from tests.support.clients import DEADLINE, eventually, receive_all


@pytest.mark.parametrize("name", clinic.cases())
def test_a_fix_changes_a_few_lines(name: str) -> None:
    lines = clinic.diff(name).partition("--- with the bug\n+++ fixed\n")[2].splitlines()
    changed = [line for line in lines if line[:1] in {"+", "-"} and line[1:].strip()]
    assert 1 <= sum(line.startswith("+") for line in changed) <= 8, changed
    assert clinic.buggy_source(name)
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
    assert clinic.diff("state_kept").startswith("--- with the bug")


def test_an_unknown_bug_is_an_error_that_lists_the_bugs() -> None:
    with pytest.raises(LookupError, match="short_send"):
        clinic.case("hiccups")


def unsent_bytes(client: socket.socket) -> int:
    """The number of bytes that the other end has not acknowledged (SIOCOUTQ, tcp(7))."""
    return int.from_bytes(fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def lines(side: str) -> bytes:
    with (
        iomux.start(getattr(clinic.case("one_recv_one_line"), side), handler=bytes.upper) as server,
        socket.create_connection(server.address, timeout=DEADLINE) as client,
    ):
        for piece in (b"hel", b"lo\n", b"you\nthere\n"):
            client.sendall(piece)
            assert eventually(lambda: unsent_bytes(client) == 0)
            assert eventually(lambda: not queues(server.address)["unread_bytes"].any()), "each piece is read separately"
        client.shutdown(socket.SHUT_WR)
        return receive_all(client)


@pytest.mark.skipif(
    not available("queues"), reason="not to be told here: no list of sockets says when a piece has been read"
)
def test_a_line_is_what_ends_with_a_newline_not_what_one_recv_returns() -> None:
    assert lines("serve") != b"HELLO\nYOU\nTHERE\n"
    assert lines("cured") == b"HELLO\nYOU\nTHERE\n"


def test_two_small_sends_lose_no_byte() -> None:
    report = check(clinic.case("two_small_sends").serve, ["echoes", "pieces", "together"])
    assert report.passed, report


def test_the_meter_shows_the_lasting_effect_of_a_visit() -> None:
    def pass_by(address: tuple[str, int]) -> None:
        socket.create_connection(address).close()

    frame = watch(clinic.case("end_ignored").serve, pass_by, 1.8)  # the client comes after 0.6 s
    before, after = frame[frame.t_s < 0.6].cpu_percent, frame[frame.t_s > 1.2].cpu_percent
    assert after.mean() > 5 * max(before.median(), 1)
    assert frame[frame.t_s > 1.2].sleeps.sum() < 10, "it never goes to sleep"


def test_bytes_that_come_back_are_counted_to_the_end() -> None:
    frame = come_back("poll", 1 << 20, pause=0.05, seconds=DEADLINE)
    assert (frame.back_mib.iloc[-1], frame.missing_kib.max()) == (1, 0)
    assert frame.t_s.is_monotonic_increasing


def test_a_bug_and_its_fix_are_checked_in_parallel() -> None:
    bug, cure = clinic.both("swallows_ctrl_c", ["echoes", "ctrl-c"])
    assert bug.failed == ("ctrl-c",)
    assert cure.passed
    with pytest.raises(LookupError, match="no item is called"):
        clinic.both("swallows_ctrl_c", "nonsense")
