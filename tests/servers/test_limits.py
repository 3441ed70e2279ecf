"""Servers at the limits of their process: the number of descriptors, and select's 1,024."""

import contextlib
import os
import resource
import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest

import iomux
from iomux.servers import get
from iomux.servers.connection import Handler
from tests.support.clients import DEADLINE, ask, connect, eventually, receive

CONCURRENT = [m.name for m in iomux.mechanisms() if m.name != "blocking"]
QUEUEING = [name for name in CONCURRENT if name != "uvloop"]  # libuv closes clients that it has no descriptor for


def limited(name: str, descriptors: int) -> Callable[..., None]:
    """A registered server that may open no more than `descriptors`."""

    def serve(listener: socket.socket, handler: Handler = iomux.echo) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        get(name).load()(listener, handler)

    return serve


def answered(client: socket.socket, seconds: float = DEADLINE) -> bool:
    """Whether a client gets its echo within this number of seconds; False also if its connection was closed."""
    client.settimeout(seconds)
    try:
        client.sendall(b"?")
        return client.recv(1) == b"?"
    except (TimeoutError, ConnectionError):
        return False
    finally:
        client.settimeout(DEADLINE)


def skip_unless_available(name: str) -> None:
    if reason := get(name).why_not():
        pytest.skip(reason)


def assert_waiting_clients_are_served(server_of_40_descriptors: Callable[..., None]) -> None:
    """Fifty clients too many wait, and are served when others have left."""
    with iomux.start(server_of_40_descriptors) as server, ExitStack() as stack:
        first = [stack.enter_context(connect(server.address)) for _ in range(10)]
        assert all(ask(client, b"in") == b"in" for client in first)
        others = [stack.enter_context(connect(server.address)) for _ in range(50)]
        assert not answered(others[-1], 0.5), "50 more than there are descriptors for"
        for client in [*first, *others[:-10]]:
            client.close()
        assert eventually(lambda: ask(others[-1], b"?") == b"?")


@pytest.mark.parametrize("name", QUEUEING)
def test_clients_waiting_at_the_descriptor_limit_are_served_when_one_is_free(name: str) -> None:
    skip_unless_available(name)
    assert_waiting_clients_are_served(limited(name, 40))


@pytest.mark.parametrize("name", QUEUEING)
def test_a_descriptor_freed_by_the_handler_is_used_too(name: str) -> None:
    skip_unless_available(name)
    held: list[int] = []

    def handler(data: bytes) -> bytes:
        if data == b"take":
            with contextlib.suppress(OSError):
                while True:
                    held.append(os.dup(0))
        while data == b"free" and held:
            os.close(held.pop())
        return data

    with iomux.start(limited(name, 60), handler=handler) as server, connect(server.address) as first:
        assert ask(first, b"take") == b"take"
        # A thread that sleeps in accept(2) has already reserved a descriptor, for one more client.
        with connect(server.address), connect(server.address) as waiting:
            assert not answered(waiting, 0.5)
            assert ask(first, b"free") == b"free"
            assert receive(waiting, 1) == b"?"


def test_select_closes_clients_it_cannot_watch_and_serves_the_others() -> None:
    skip_unless_available("select")
    with iomux.start("select") as server, ExitStack() as stack:
        clients = [stack.enter_context(connect(server.address)) for _ in range(1100)]
        served = [client for client in clients if answered(client)]
        assert 1000 <= len(served) < 1024, "1,024 descriptors, less those that the process has open itself"
        assert served == clients[: len(served)]
        assert eventually(lambda: "select cannot watch descriptor 1024" in server.log)
        assert server.log.count("select cannot watch") == 1, "said once"
        served.pop().close()
        assert eventually(lambda: answered(stack.enter_context(connect(server.address))))
