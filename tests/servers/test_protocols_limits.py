"""What a server that carries a protocol does at its limits: who takes nothing, and descriptors that run short."""

import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import iomux
from iomux.servers import get
from iomux.servers.connection import Handler
from iomux.servers.protocol import Limits, Speaks
from tests.servers.test_protocols import NAMES, all_gone, asked
from tests.support.clients import DEADLINE, connect, eventually, receive, receive_all
from tests.support.talk import Talk

CLIENTS = 60
"""More than the server has descriptors for."""
WHY_NOT = {
    "blocking": "blocking serves one client at a time",
    "uvloop": "libuv closes clients that it has no descriptor for, however soon it has one",
}
"""Which can't keep newcomers waiting until there is a descriptor for them."""


def short_of_descriptors(name: str) -> Callable[..., None]:
    def serve(listener: socket.socket, handler: Handler) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        get(name).load()(listener, handler)

    return serve


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    if why := get(request.param).why_not():
        pytest.skip(why)
    return str(request.param)


@pytest.fixture(scope="module")
def server(name: str) -> Iterator[iomux.Server]:
    limits = Limits(stall_seconds=0.2, linger_seconds=0.2)
    with iomux.start(short_of_descriptors(name), handler=Speaks(Talk(), limits)) as running:
        yield running


def let_go(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    finally:
        client.settimeout(DEADLINE)


def test_a_client_that_takes_nothing_is_reset(server: iomux.Server) -> None:
    """After a plain close the kernel would go on keeping what it does not read, and offering it."""
    with connect(server.address) as client:
        client.sendall(b"many 160000 65536\n")
        assert eventually(lambda: all_gone(server))
        with pytest.raises(ConnectionResetError):
            receive_all(client)


def test_idle_clients_are_let_go_for_newcomers_and_busy_ones_are_not(server: iomux.Server, name: str) -> None:
    if name in WHY_NOT:
        pytest.skip(WHY_NOT[name])
    with ExitStack() as stack:
        busy = stack.enter_context(connect(server.address))
        busy.sendall(b"many 1 3\nmany 1")
        assert receive(busy, 3) == bytes(3)
        clients = [stack.enter_context(connect(server.address)) for _ in range(CLIENTS)]
        assert all(asked(client, b"many 1 3\n", bytes(3)) for client in clients)
        assert clients[0].recv(1) == b"", "the first to be idle is the first to go"
        assert asked(clients[-1], b"many 1 3\n", bytes(3)), "the last one is not"
        assert asked(busy, b" 5\n", bytes(5))
    assert server.written_bytes < 10_000


def test_a_newcomer_is_served_though_all_descriptors_are_taken_by_idle_clients(server: iomux.Server, name: str) -> None:
    if name == "blocking":
        pytest.skip(WHY_NOT[name])
    clients: list[socket.socket] = []
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            clients.append(stack.enter_context(connect(server.address)))
            assert asked(clients[-1], b"many 1 3\n", bytes(3))
        newest_first = [let_go(client) for client in reversed(clients)]
        assert newest_first == sorted(newest_first), "those that have been idle longest are let go, and no others"
        assert newest_first[-1]


def test_the_goodbye_is_bounded(server: iomux.Server) -> None:
    with connect(server.address) as client:
        client.sendall(b"bye\n")
        assert receive_all(client) == b"bye\n"  # and the client stays
        assert eventually(lambda: all_gone(server))
