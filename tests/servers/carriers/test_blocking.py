"""What a blocking server can't do with a protocol, and what it can: one client at a time, none for ever."""

import socket
import time
from collections.abc import Iterator

import pytest

import iomux
from iomux.servers.carriers.blocking import TimedSocket
from iomux.system.sockets import tcp_pair
from tests.servers.test_protocols import asked
from tests.support.clients import connect, receive, receive_all
from tests.support.talk import Talk

MORE_THAN_FITS = 64 << 20
"""More than the kernel's buffers of a connection take."""


@pytest.fixture(scope="module")
def server() -> Iterator[iomux.Server]:
    with iomux.start("blocking", protocol=Talk()) as running:
        yield running


def test_a_second_client_waits_and_what_was_said_meanwhile_finds_nobody(server: iomux.Server) -> None:
    with connect(server.address) as first, connect(server.address) as second:
        second.sendall(b"join\nn\n")
        assert asked(first, b"join\n", b"joined\n")
        assert asked(first, b"tell 3\n", bytes(3) + b"told\n"), "it hears itself"
        first.shutdown(socket.SHUT_WR)
        assert receive_all(first) == b"end\n"
        assert receive(second, 9) == b"joined\n1\n", "and nothing that was said before"


def test_a_silent_client_is_let_go_by_its_protocol_and_the_next_is_served(server: iomux.Server) -> None:
    with connect(server.address) as silent:
        assert asked(silent, b"wait .1\n", b"waiting\n")
        with connect(server.address) as other:
            other.sendall(b"bye\n")
            assert receive_all(silent) == b"late\n"
            silent.close()  # or it is served two seconds later, when the first one's goodbye is over
            assert receive_all(other) == b"bye\n"


def test_a_call_ends_when_something_is_due_and_says_how_far_it_got() -> None:
    near, far = tcp_pair()
    with near, far:
        timed = TimedSocket(near)
        assert timed.receive(time.monotonic()) is None
        far.sendall(b"hello")
        assert timed.receive(time.monotonic() + 60) == b"hello"
        sent = timed.send(bytes(MORE_THAN_FITS), time.monotonic() + 0.05)
        assert 0 < sent < MORE_THAN_FITS
        assert receive(far, sent) == bytes(sent)
        far.close()
        assert timed.receive(time.monotonic() + 60) == b""
