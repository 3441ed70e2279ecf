"""Bugs of the clinic at a connection's two ends, seen by what a client sees: `check` finds no fault in them."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

import iomux
from iomux.course import clinic
from iomux.processes.server import Server
from iomux.system.process_tree import is_stopped
from tests.support.clients import DEADLINE, eventually, unsent

SIDES = ("serve", "cured")
ANSWER_BYTES = 1 << 20  # the server's send buffer holds it, a client's receive buffer does not
CLOSED = 7  # TCP_CLOSE of include/net/tcp_states.h: after a reset
NEWCOMERS = 20
ENOUGH_BYTES = 1 << 20


@contextmanager
def held_still(server: Server) -> Iterator[None]:
    os.kill(server.pid, signal.SIGSTOP)
    assert eventually(lambda: is_stopped(server.pid))
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def answered(server: Server) -> socket.socket:
    """A client that has had an answer: the server is past its beginning."""
    client = socket.create_connection(server.address, timeout=DEADLINE)
    client.sendall(b"?")
    client.recv(1)
    return client


def an_answer_to_a_large_request(side: str) -> tuple[int, str]:
    """How many bytes of the answer a client gets that has sent more than the server reads, and how it ends."""
    serve, got = getattr(clinic.case("unread_reset"), side), 0
    with (
        iomux.start(serve, handler=lambda _: bytes(ANSWER_BYTES)) as server,
        socket.create_connection(server.address, timeout=DEADLINE) as client,
    ):
        with contextlib.suppress(OSError):  # the server with the bug may have reset it by now
            client.sendall(bytes(100_000))
            client.shutdown(socket.SHUT_WR)
        if side == "serve":
            assert eventually(lambda: client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == CLOSED)
        try:
            while piece := client.recv(1 << 20):
                got += len(piece)
        except ConnectionResetError:
            return got, "reset"
    return got, "end"


def test_a_reset_destroys_the_answer_and_a_close_in_stages_does_not() -> None:
    got, how = an_answer_to_a_large_request("serve")
    assert got < ANSWER_BYTES
    assert how == "reset"
    assert an_answer_to_a_large_request("cured") == (ANSWER_BYTES, "end")


def connected_at_once(side: str, clients: int = 9) -> int:
    with ExitStack() as stack:
        server = stack.enter_context(iomux.start(getattr(clinic.case("backlog_of_five"), side)))
        stack.enter_context(answered(server))
        stack.enter_context(held_still(server))
        connected = 0
        for _ in range(clients):
            client = stack.enter_context(socket.socket())
            client.settimeout(0.5)
            try:
                client.connect(server.address)
                connected += 1
            except TimeoutError:
                continue
    return connected


def test_a_backlog_of_five_has_room_for_six() -> None:
    assert [connected_at_once(side) for side in SIDES] == [6, 9]


def counting() -> Callable[[bytes], bytes]:
    """A handler that takes a while for a long message, and tells a short one how many long ones came before."""
    reads = 0

    def handler(data: bytes) -> bytes:
        nonlocal reads
        if len(data) == 1:
            return bytes([min(reads, 255)])
        reads += 1
        time.sleep(0.005)
        return b""

    return handler


def turns_before_the_last_newcomer(side: str) -> int:
    """How many turns a busy client gets before the last of those who came all at once is answered."""
    with ExitStack() as stack:
        serve = getattr(clinic.case("one_accept_a_turn"), side)
        server = stack.enter_context(iomux.start(serve, handler=counting()))
        busy = stack.enter_context(answered(server))
        sender = threading.Thread(target=busy.sendall, args=(bytes(8 << 20),), daemon=True)
        with held_still(server):
            sender.start()
            assert eventually(lambda: unsent(busy) > ENOUGH_BYTES)  # then the kernel can go on without this process
            newcomers = [
                stack.enter_context(socket.create_connection(server.address, timeout=DEADLINE))
                for _ in range(NEWCOMERS)
            ]
            for client in newcomers:
                client.sendall(b"?")
        before = [client.recv(1)[0] for client in newcomers]
        sender.join(DEADLINE)
    return max(before)


def test_in_a_storm_one_accept_a_turn_makes_the_last_wait_for_as_many_turns() -> None:
    assert turns_before_the_last_newcomer("serve") >= NEWCOMERS - 2
    assert turns_before_the_last_newcomer("cured") <= 3


@pytest.mark.parametrize("bug", ["backlog_of_five", "one_accept_a_turn"])
def test_check_finds_no_fault_because_all_are_served_in_the_end(bug: str) -> None:
    for report in clinic.both(bug, ["echoes", "burst"]):
        assert report.passed, report
