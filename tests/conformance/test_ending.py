"""How a server ended, in one line: from its status and its output."""

import socket
import threading
import traceback
from typing import Any, NoReturn

import pytest

from iomux import servers
from iomux.conformance.trial.ending import error_in, why_ended
from tests.support.checks import check

CHAINED = """Traceback (most recent call last):
  File "mine.py", line 3, in serve
    data = client.recv(10)
ConnectionResetError: [Errno 104] Connection reset by peer

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "mine.py", line 5, in serve
    clients.remove(client)
KeyError: <socket.socket fd=5, raddr=('127.0.0.1', 40123)>
bye, see you
"""
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "mine.py", line 9, in main
  |     async with asyncio.TaskGroup() as tasks:
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "mine.py", line 5, in accept
    |     client, _ = listener.accept()
    | OSError: [Errno 24] Too many open files
    +------------------------------------
"""
AMONG_OTHERS = """Traceback (most recent call last):
  File "mine.py", line 10, in talk
1 characters
got: ?
    print(len(data.decode()), "characters")
UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff
1 characters
"""
OWN = """Traceback (most recent call last):
  File "mine.py", line 10, in talk
mine.Boom: no
ValueErrors are counted below
"""


@pytest.mark.parametrize(
    ("log", "error"),
    [
        ("INFO all is well\n", ""),
        (GROUP, "OSError: [Errno 24] Too many open files"),
        (AMONG_OTHERS, "UnicodeDecodeError"),
        (AMONG_OTHERS.partition("got")[0], ""),  # its end has not been printed yet
        (OWN, "mine.Boom: no"),
        (CHAINED, "KeyError: <socket.socket …>"),  # its address and its number are others in each run
        ("listening\nException in thread Thread-1:\n" + CHAINED.partition("\n\n")[0], "ConnectionResetError"),
        ("panic: runtime error: index out of range [3]\n\ngoroutine 1 [running]:\n", "panic: runtime error: index"),
        ("Error: read ECONNRESET\n    at TCP.onStreamRead (node:internal/x.js:1:1)\n", "Error: read ECONNRESET"),
        ("thread 'main' panicked at src/main.rs:4:5:\ncalled ...", "thread 'main' panicked at src/main.rs:4:5:"),
        ("no error here: 0 errors\nan Error: in the middle of a line\n", ""),
    ],
)
def test_the_error_is_found_anywhere_in_the_output(log: str, error: str) -> None:
    assert error_in(log).startswith(error)
    assert bool(error_in(log)) == bool(error)


def test_the_last_line_is_named_as_such_and_its_changing_numbers_are_left_out() -> None:
    assert why_ended("was ended by SIGSEGV", "client from 127.0.0.1:40123\n") == (
        "the server was ended by SIGSEGV; the last line of its output: 'client from 127.0.0.1:…'"
    )


def decodes_in_a_thread(listener: socket.socket) -> NoReturn:
    def talk(client: socket.socket) -> None:
        while data := client.recv(4096):
            print(data.decode())
            client.sendall(data)

    while True:
        threading.Thread(target=talk, args=listener.accept()[:1], daemon=True).start()


def test_a_traceback_of_a_thread_is_not_hidden_behind_what_the_client_saw() -> None:
    seen = check(decodes_in_a_thread, "echoes")["echoes"].seen
    assert "; an error in the server's output: UnicodeDecodeError: " in seen


def tells_of_an_old_error(listener: socket.socket) -> NoReturn:
    """It has tried something at its start, and said so; what is wrong with it is another thing."""
    try:
        raise ModuleNotFoundError("No module named 'fast'")
    except ImportError:
        traceback.print_exc()
    closes_at_once(listener)


def closes_at_once(listener: socket.socket) -> NoReturn:
    while True:
        client, _ = listener.accept()
        client.recv(4096)
        client.close()


def test_an_error_from_before_the_first_client_is_named_as_such() -> None:
    seen = check(tells_of_an_old_error, "echoes")["echoes"].seen
    assert "; an error in the server's output, from before its first client: ModuleNotFoundError: " in seen


def ends_at_a_hang_up(listener: socket.socket) -> NoReturn:
    """Right until a client resets: that ends the process."""
    import selectors

    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    selector.register(listener.accept()[0], selectors.EVENT_READ)
                elif data := key.fileobj.recv(4096):  # type: ignore[union-attr]
                    key.fileobj.sendall(data)  # type: ignore[union-attr]
                else:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]


def test_what_was_right_stays_so_when_the_server_ends_at_a_later_reset() -> None:
    report = check(ends_at_a_hang_up, ("pieces", "hundred", "reset"))
    assert report.failed == ("reset",)
    assert report["reset"].seen == (
        "the server ended with status 1: ConnectionResetError: [Errno 104] Connection reset by peer"
    )


def ends_slowly_at_a_hang_up(listener: socket.socket) -> NoReturn:
    """As Python does with many modules on a busy machine: its traceback is long out when the process is gone."""
    import sys
    import time

    report = sys.excepthook

    def report_and_linger(*raised: Any) -> None:
        report(*raised)
        time.sleep(0.4)

    sys.excepthook = report_and_linger
    ends_at_a_hang_up(listener)


@pytest.mark.parametrize("server", [ends_at_a_hang_up, ends_slowly_at_a_hang_up])
def test_an_end_after_an_item_has_failed_is_not_its_cause(server: servers.Serve) -> None:
    result = check(server, "neighbours")["neighbours"]
    assert result.seen == "another client got nothing back: nothing more came", "the slow client's reset came later"
