"""A client keeps no server from its port: not while it is connected, and not in the minute after."""

import contextlib
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

import iomux
from iomux.conformance.trial.clients import connect
from iomux.conformance.trial.subject import Subject
from iomux.harness.load import clients
from iomux.harness.soak.connecting import begin_to_connect
from iomux.system.network.connecting import connect_all

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="which ports bind(2) takes is said for Linux only")

Address = tuple[str, int]
WAYS: dict[str, Callable[[Address], socket.socket]] = {
    "check": lambda address: connect(Subject(address)),
    "load": lambda address: clients.connect(address, 1, 5.0, Counter())[0].sock,
    "soak": lambda address: begin_to_connect(address)[0],
}


@pytest.fixture
def address() -> Iterator[Address]:
    """Of an IPv6 listener: beside other tests nearly every port has connections of theirs from 127.0.0.1."""
    try:
        listener = iomux.listen("::1")
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 loopback: {error}")
    with listener:
        yield listener.getsockname()[:2]


def lends(client: socket.socket) -> bool:
    """Whether a server can listen at its port while it is connected, and after that."""
    with client:
        client.settimeout(5)
        place = client.getsockname()[:2]
        before = can_listen(place)
    return before and can_listen(place)


def can_listen(place: Address) -> bool:
    with contextlib.suppress(OSError):
        socket.create_server(place, family=socket.AF_INET6).close()
        return True
    return False


@pytest.mark.parametrize("way", WAYS)
def test_a_server_can_listen_at_the_port_of_a_client(address: Address, way: str) -> None:
    """At one of many: another program's client may have the same port, for another server, and not lend it."""
    assert any(lends(WAYS[way](address)) for _ in range(50))


def test_at_that_of_another_programs_client_it_can_not(address: Address) -> None:
    assert not any(lends(socket.create_connection(address)) for _ in range(50))


def test_those_that_connect_at_the_same_time_lend_theirs_too() -> None:
    with iomux.listen() as listener:
        for client in connect_all(listener.getsockname(), 3, 5.0, lambda error, count: None):
            with client:
                assert client.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
