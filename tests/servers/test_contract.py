"""The contract of servers beyond `iomux.check`: how each one treats its handler's answers, and how it ends.

A server's duties to its clients are the items of `iomux.conformance`, which the tests of `check` try on each server.
"""

import array
import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

import iomux
from iomux.processes.server import Server
from tests.support.clients import ask, connect, eventually, receive, receive_all

MIB = 1 << 20


def odd_reply(kind: str) -> Any:
    """A reply that is not plain bytes: a bytes-like one arrives whole, any other ends its own connection."""
    released = memoryview(b"gone")
    released.release()
    wide = array.array("i", range(500_000))
    return {"backwards": memoryview(b"abc")[::-1], "wide": wide, "none": None, "text": "abc", "released": released}[
        kind
    ]


FAULTS: dict[str, Callable[[], object]] = {
    "divide": lambda: 1 / 0,
    "decode": lambda: b"\xff".decode(),
    "stat": lambda: os.stat("/nonexistent"),
}


def handler(data: bytes) -> Any:
    """A handler that the message controls: it answers in capitals, with a fault, oddly, at length, or echoes."""
    what, _, kind = data.decode().partition(" ")
    if what == "twice":
        return kind.upper().encode() * 2
    if what == "fault":
        FAULTS[kind]()
    if what == "odd":
        return odd_reply(kind)
    return bytes(8 * MIB) if what == "owe" else data


@pytest.fixture(scope="module", params=[mechanism.name for mechanism in iomux.mechanisms()])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Each server, with that handler."""
    mechanism = next(m for m in iomux.mechanisms() if m.name == request.param)
    if not mechanism.available():
        pytest.skip(mechanism.why_not())
    with iomux.start(request.param, handler=handler) as running:
        yield running


def ends_its_own_connection(server: Server, words: bytes) -> bool:
    """Whether the connection of a client that sends this is closed, a new one is served, and the log has the reason."""
    before = server.log.count("Error")
    with connect(server.address) as client:
        client.sendall(words)
        ended = receive_all(client) == b""
    with connect(server.address) as client:
        served = ask(client, b"good") == b"good"
        return ended and served and eventually(lambda: server.log.count("Error") > before)


def test_a_handler_may_answer_anything(server: Server) -> None:
    with connect(server.address) as client:
        client.sendall(b"twice abc")
        assert receive(client, 6) == b"ABCABC"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_handler_that_fails_ends_its_own_connection(server: Server, fault: str) -> None:
    assert ends_its_own_connection(server, f"fault {fault}".encode())


@pytest.mark.parametrize("kind", ["backwards", "wide"])
def test_a_bytes_like_reply_arrives_whole(server: Server, kind: str) -> None:
    expected = bytes(memoryview(odd_reply(kind)))
    with connect(server.address) as client:
        client.sendall(f"odd {kind}".encode())
        assert receive(client, len(expected)) == expected


@pytest.mark.parametrize("kind", ["none", "text", "released"])
def test_a_reply_that_is_not_bytes_ends_its_own_connection(server: Server, kind: str) -> None:
    assert ends_its_own_connection(server, f"odd {kind}".encode())
    with connect(server.address) as client:
        client.sendall(b"owe")
        receive(client, 1)  # the server owes bytes now, so the next message comes separately
        client.sendall(f"odd {kind}".encode())
        with contextlib.suppress(ConnectionResetError):
            receive_all(client)
    with connect(server.address) as client:
        assert ask(client, b"good") == b"good"


@pytest.mark.parametrize("name", [mechanism.name for mechanism in iomux.mechanisms()])
def test_a_server_stops_at_once_and_frees_its_port(name: str) -> None:
    if name not in iomux.names():
        pytest.skip(f"{name} is not available here")
    with iomux.start(name) as server, connect(server.address) as client:
        assert ask(client, b"hello") == b"hello"
        server.stop()
        assert not psutil.pid_exists(server.pid)
        with pytest.raises(ConnectionRefusedError):
            connect(server.address)
