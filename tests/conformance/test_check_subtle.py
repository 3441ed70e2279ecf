"""`iomux.check` on servers whose fault most clients never meet: each fails the item made for it, and says why.

The right ones of the same kinds (slow, forking, corked and uncorked, several processes) pass all of these items.
"""

import contextlib
import os
import socket
import time
from typing import Any, NoReturn

import pytest

import iomux
from iomux.conformance.echo import remains
from iomux.conformance.echo.prompt import _say_what_hides_why
from iomux.conformance.trial.holders import holders, still_held
from iomux.conformance.trial.subject import NotSeenHere, Subject
from iomux.system.sock_diag.other_end import missing
from tests.students import subtle, subtle_loops, subtle_processes
from tests.support.checks import check, told
from tests.support.clients import eventually

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "the kernel tells of a connection's other end")

WRONG = [
    (subtle.serve_remembers, "history", "the server's memory grows by what it has answered", "a list, a log"),
    (subtle_processes.forks_and_forgets, "children", "the children of clients that have left have ended", "zombie"),
    (
        subtle.serve_in_two_sends,
        "prompt",
        "a lone client's answers are held back: the server sent them in parts",
        "Nag",
    ),
    (
        subtle.serve_more_to_come,
        "prompt",
        "a lone client's answers are held back: the server had sent them",
        "MSG_MORE",
    ),
    (subtle.serve_corked, "prompt", "a lone client's answers are held back: the server had sent them", "TCP_CORK"),
    (subtle.serve_asks_every_3_ms, "prompt", "a lone client's answers are held back: its request lies unread", "sleep"),
    (subtle.serve_sends_the_silent_away, "silence", "a client that had been served was silent for", "time limit"),
    (subtle_loops.serve_accepts_once, "burst", "client 2 of 4, connected at the same moment, got nothing", "EAGAIN"),
    (subtle_loops.serve_reads_once, "lump", "a client whose message had waited got only a part back", "EAGAIN"),
    (subtle_loops.in_two_passes, "number-again", "a newcomer who came as others left got nothing back", "number"),
    (
        subtle_processes.two_processes_on_blocking_listener,
        "shared-listener",
        "when newcomers had been accepted",
        "nonblocking",
    ),
    (
        subtle_processes.two_threads_without_oneshot,
        "order",
        "every byte came back, but in another order",
        "EPOLLONESHOT",
    ),
    (subtle_loops.writes_overlap, "order", "every byte came back, but in another order", "One write at a time"),
    (
        subtle_processes.helper_inherits,
        "end",
        "a client that had been served half-closed, and the server never",
        "last descriptor",
    ),
    (
        subtle_processes.helper_inherits,
        "half-close",
        "the client got every byte, but not the end of the stream: nothing more came: its socket is held by a child",
        "last descriptor",
    ),
    (
        subtle_processes.helper_inherits_under_epoll,
        "leaving",
        "all clients have left, and the server never sleeps: a socket that it has closed is still open",
        "last descriptor",
    ),
    (subtle.keeps_a_duplicate, "end", "a client that had been served half-closed, and the server never", "dup"),
    (subtle.asks_for_the_name, "reset", "the server ended with status 1: OSError: [Errno 107]", "ENOTCONN"),
    (subtle.first_words_unguarded, "reset", "the server ended with status 1: ConnectionResetError", "ECONNRESET"),
    (subtle.serve_splices, "urgent", "after an urgent byte the client was not served as before", "splice"),
]
RIGHT = [
    (subtle.serve_in_two_sends_at_once, ("prompt",)),
    (subtle.serve_corked_and_uncorked, ("prompt",)),
    (subtle.serve_computes, ("prompt", "burst")),
    (subtle_loops.serve_edge_triggered, ("burst", "lump")),
    (subtle_processes.forks_and_waits_lazily, ("children", "shared-listener")),
    (subtle_processes.forks_and_waits_for_40, ("children",)),
    (subtle_processes.forks_and_ignores, ("children", "order", "number-again")),
    (subtle_processes.two_processes_that_accept, ("shared-listener", "burst")),
    (subtle_processes.two_processes_that_poll, ("shared-listener", "burst", "number-again")),
    ("blocking", ("prompt", "burst", "lump", "history", "order", "silence")),
    ("threaded", ("prompt", "burst", "lump", "history", "order", "number-again", "shared-listener", "silence")),
]


@pytest.mark.parametrize(("serve", "item", "seen", "hint"), WRONG)
def test_a_subtle_fault_fails_the_item_made_for_it(serve: Any, item: str, seen: str, hint: str) -> None:
    result = told(check(serve, item))[item]
    assert result.status == "failed"
    assert result.seen.startswith(seen)
    assert hint in result.hint or hint in result.seen


@pytest.mark.parametrize(("serve", "items"), RIGHT)
def test_a_right_server_of_the_same_kind_passes(serve: Any, items: tuple[str, ...]) -> None:
    report = told(check(serve, items))
    assert {result.name: (result.status, result.seen) for result in report.results} == dict.fromkeys(
        items, ("passed", "")
    )


def test_a_server_whose_process_is_not_known_is_not_blamed() -> None:
    with iomux.start("poll") as server:
        report = check(f"127.0.0.1:{server.address[1]}", ("prompt", "burst", "lump", "history", "children"))
    assert report.failed == ()
    assert report.not_seen == ("burst", "lump", "history", "children")


def test_a_fault_in_the_preparation_is_left_to_the_item_made_for_it() -> None:
    report = check(iomux.clinic.case("reset_fatal").serve, ("order", "number-again"))
    assert report.not_seen == ("number-again",)
    assert report["number-again"].seen.endswith("see the item mid-reset")


def test_a_heap_that_grows_at_first_forgets_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory grows by all that is said at first, and is flat later: that is a heap, not a history."""
    said = 0

    def say(_: socket.socket, count: int, seconds: float) -> int:
        nonlocal said
        said += count
        return count

    monkeypatch.setattr(remains, "_say", say)
    monkeypatch.setattr(remains, "rss_bytes", lambda _: min(said, remains._ENOUGH // 2))
    with iomux.start("poll") as server:
        remains.history(Subject(server.address, server.pid))
    assert said > remains._ENOUGH


def test_who_holds_a_clients_socket_is_known_by_its_inode() -> None:
    with iomux.start("poll") as server, socket.create_connection(server.address) as client:
        client.sendall(b"hello")
        client.recv(5)
        subject = Subject(server.address, server.pid)
        assert holders(subject, client) == {server.pid: 1}
        assert holders(Subject(server.address), client) == {}
        client.shutdown(socket.SHUT_WR)
        assert eventually(lambda: holders(subject, client) == {})


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({1: 1}, {1: 1}, ""),
        ({1: 1}, {}, "one descriptor"),
        ({1: 1, 2: 1}, {2: 1}, "one descriptor"),
        ({}, {1: 1, 2: 1}, "more than one process"),
        ({}, {2: 1}, "a child process only"),
        ({}, {}, ""),
    ],
)
def test_who_still_holds_a_socket_follows_from_what_is_seen(
    before: dict[int, int], now: dict[int, int], words: str
) -> None:
    found = still_held(before, now, 1)
    assert words in found
    assert bool(found) == bool(words)


@pytest.mark.parametrize(("at_intervals", "hidden"), [(True, True), (False, False)])
def test_who_answers_late_is_not_seen_only_if_it_wakes_at_intervals(at_intervals: bool, hidden: bool) -> None:
    """What `prompt` says where it found no proof, as on a machine that lets it look too seldom."""
    with pytest.raises(NotSeenHere, match="too busy") if hidden else contextlib.nullcontext():
        _say_what_hides_why(at_intervals)


def computes_in_a_child(listener: socket.socket) -> NoReturn:
    """A process for each client that computes for 5 ms before it looks at the next message: no sleep of its own."""
    while True:
        client = listener.accept()[0]
        if not os.fork():
            with contextlib.suppress(OSError):
                while data := client.recv(4096):
                    client.sendall(data)
                    until = time.monotonic() + 0.005
                    while time.monotonic() < until:
                        pass
            os._exit(0)
        client.close()


def test_a_child_that_computes_has_not_left_a_request_unread_asleep() -> None:
    assert check(computes_in_a_child, ("echoes", "prompt")).failed == ()
