"""`iomux.check` on whatever a student may write: it is reported, and does no harm."""

import functools
import os
import signal
import socket
import sys
import time
from typing import Any, NoReturn

import pytest

from iomux.conformance.check import NAMES
from iomux.processes.resolve import name_of
from tests.students.faults import answers_otherwise, prints_without_end
from tests.students.right import (
    prints_all_it_gets,
)
from tests.support.checks import check


def prints(listener: socket.socket) -> NoReturn:
    while True:
        print("waiting")
        client, _ = listener.accept()
        while data := client.recv(4096):
            print("got", data[:10])
            client.sendall(data)
        client.close()


def raises(listener: socket.socket) -> None:
    raise ValueError("a wrong idea")


def raises_later(listener: socket.socket) -> None:
    client, _ = listener.accept()
    client.recv(10)
    raise ValueError("a wrong idea")


def loops(listener: socket.socket) -> NoReturn:
    while True:
        pass


def exits(listener: socket.socket) -> NoReturn:
    sys.exit(3)


def exits_without_a_word(listener: socket.socket) -> NoReturn:
    listener.accept()
    os._exit(3)


def returns(listener: socket.socket) -> None:
    listener.accept()


def closes(listener: socket.socket) -> None:
    listener.close()
    time.sleep(60)


def takes_nothing() -> None:
    pass


def kills_its_group(listener: socket.socket) -> None:
    os.killpg(0, signal.SIGKILL)


NAMES_TO_COME = (name for name in "abc")


@pytest.mark.parametrize(
    ("serve", "seen"),
    [
        (raises, "the server ended with status 1: ValueError: a wrong idea"),
        (raises_later, "the server ended with status 1: ValueError: a wrong idea"),
        (loops, "the client got nothing back: nothing more came"),
        (exits, "the server ended with status 3: SystemExit: 3"),
        (exits_without_a_word, "the server ended with status 3"),
        (returns, "the server ended with status 1: RuntimeError: returns() returned: a server loops for ever"),
        (closes, "a new client was refused: nothing listens on the port any more"),
        (
            takes_nothing,
            "the server ended with status 1: RuntimeError: takes_nothing() returned: a server loops",
        ),
        (kills_its_group, "the server was ended by SIGKILL"),
        (answers_otherwise, "the client got other bytes than it had sent"),
        (lambda listener: next(NAMES_TO_COME), "the function can't be sent to another process: cannot pickle"),
    ],
)
def test_whatever_a_student_writes_is_reported(serve: Any, seen: str) -> None:
    report = check(serve)
    assert report.failed == ("echoes",)
    assert report["echoes"].seen.startswith(seen)
    assert report.not_seen == NAMES[1:], "nothing more can be said about a server that does not echo"
    assert report.earned == 0


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        (takes_nothing, "takes_nothing() returned: a server loops for ever, and is ended with its process"),
        (lambda listener: next(NAMES_TO_COME), "cannot pickle 'generator' object"),
    ],
)
def test_the_hint_says_that_the_server_did_not_start(target: Any, seen: str) -> None:
    result = check(target, "echoes")["echoes"]
    assert result.seen.endswith(seen)
    assert result.hint.startswith("The server did not start, or ended before it accepted a client")


def test_a_server_that_ends_on_a_client_gets_the_hint_of_the_item() -> None:
    assert check(raises_later, "echoes")["echoes"].hint.startswith("Follow one message by hand")


def test_the_traceback_is_in_the_detail() -> None:
    assert "in raises_later" in str(check(raises_later, "echoes")["echoes"].detail["log"])


def test_the_output_of_a_server_is_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    assert check(prints, "echoes").passed
    assert capfd.readouterr() == ("", "")


def test_a_server_that_prints_without_end_is_reported() -> None:
    result = check(prints_without_end, "echoes")["echoes"]
    assert result.seen == (
        "the client got nothing back: nothing more came. And it has printed more than 16 MiB: does a loop print "
        "without end? Printing takes a server's time: print less, and try again."
    )
    assert str(result.detail["log"]).rstrip().endswith("x" * 100)


def test_a_correct_server_may_print_every_byte_it_gets() -> None:
    assert check(prints_all_it_gets, ("echoes", "bulk")).failed == ()


class Callable:
    def __call__(self, listener: socket.socket) -> NoReturn:
        sys.exit("z" * 100_000)


def test_a_callable_is_named_without_its_address_and_a_long_line_is_cut() -> None:
    report = check(Callable(), "echoes")
    assert report.target == "Callable"
    assert report["echoes"].seen == f"the server ended with status 1; the last line of its output: '{'z' * 200}'"
    assert name_of(functools.partial(raises)) == "raises"
