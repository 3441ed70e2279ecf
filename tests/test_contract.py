"""The contract: what every server must do for its clients, tried on each that this machine has."""

import array
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psutil
import pytest

import iomux
from iomux.harness.process import Server
from tests.clients import ask, connect, eventually, fill, pattern, receive, receive_all, reset, send_in_background

MIB = 1 << 20
EVERY = [mechanism.name for mechanism in iomux.mechanisms()]
CONCURRENT = [name for name in EVERY if name != "blocking"]  # one client at a time is what blocking is


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A fresh server by the name that the test is parametrized with."""
    name = request.param
    mechanism = next(m for m in iomux.mechanisms() if m.name == name)
    if not mechanism.available():
        pytest.skip(mechanism.why_not())
    with iomux.start(name) as running:
        yield running


every_server = pytest.mark.parametrize("server", EVERY, indirect=True)
concurrent_server = pytest.mark.parametrize("server", CONCURRENT, indirect=True)


def still_serves(server: Server) -> bool:
    """Whether a new client gets its echo."""
    with connect(server.address) as client:
        return ask(client, b"still there?") == b"still there?"


@every_server
def test_echoes(server: Server) -> None:
    with connect(server.address) as client:
        for size in (1, 2, 1000, 65536, 100_001):
            message = os.urandom(size)
            assert ask(client, message) == message


@every_server
def test_split_writes_keep_every_byte_in_order(server: Server) -> None:
    message = os.urandom(300)
    with connect(server.address) as client:
        for byte in message:
            client.sendall(bytes([byte]))
        assert receive(client, len(message)) == message


@every_server
def test_64_mib_through_one_connection(server: Server) -> None:
    message = os.urandom(64 * MIB)
    with connect(server.address) as client:
        sender = send_in_background(client, message)
        assert receive(client, len(message)) == message
        sender.join()


@every_server
def test_half_close_delivers_what_is_owed(server: Server) -> None:
    message = os.urandom(4 * MIB)
    with connect(server.address) as client:
        sender = send_in_background(client, message, then_shut_down=True)
        time.sleep(0.2)  # let the server fall behind, so that it has something to owe
        assert receive_all(client) == message
        sender.join()


@every_server
def test_end_of_stream_is_answered_with_the_end(server: Server) -> None:
    with connect(server.address) as client:
        client.shutdown(1)
        assert client.recv(1) == b""


@every_server
def test_reset_ends_one_connection_only(server: Server) -> None:
    for _ in range(20):
        client = connect(server.address)
        client.sendall(b"about to go")
        reset(client)
    assert still_serves(server)


@every_server
def test_reset_in_mid_transfer(server: Server) -> None:
    client = connect(server.address)
    fill(client, 512 * 1024)
    reset(client)
    assert still_serves(server)


@every_server
def test_slow_reader_is_held_back_and_gets_every_byte(server: Server) -> None:
    with connect(server.address) as client:
        before = server.rss_bytes
        sent = fill(client, 256 * MIB)
        assert sent < 256 * MIB, "a client that does not read was read from without end"
        assert server.rss_bytes - before < 16 * MIB
        client.shutdown(1)
        assert receive_all(client) == pattern(sent)


@concurrent_server
def test_slow_reader_does_not_hold_up_others(server: Server) -> None:
    with connect(server.address) as slow, connect(server.address) as other:
        fill(slow, 256 * MIB)
        for _ in range(100):
            assert ask(other, b"quick") == b"quick"


@concurrent_server
def test_a_hundred_clients_each_get_their_own_bytes(server: Server) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server.address)) for _ in range(100)]
        messages = [os.urandom(2000) for _ in clients]
        for client, message in zip(clients, messages, strict=True):
            client.sendall(message)
        for client, message in zip(clients, messages, strict=True):
            assert receive(client, len(message)) == message


FLOOD = """
import socket, sys, threading
stream = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def send():
    while True:
        stream.sendall(bytes(1 << 20))
threading.Thread(target=send, daemon=True).start()
print("flooding", flush=True)
while stream.recv(1 << 20):
    pass
"""


@concurrent_server
def test_flood_does_not_starve_the_others(server: Server) -> None:
    command = [sys.executable, "-c", FLOOD, server.address[0], str(server.address[1])]
    flooder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with flooder, connect(server.address) as other:
        try:
            assert flooder.stdout is not None
            assert flooder.stdout.readline() == "flooding\n"
            time.sleep(0.2)
            for _ in range(100):
                assert ask(other, b"my turn?") == b"my turn?"
            assert flooder.poll() is None, "the flood was still coming in"
        finally:
            flooder.kill()


@concurrent_server
def test_idle_connections_cost_no_cpu(server: Server) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server.address)) for _ in range(1000)]
        assert ask(clients[-1], b"all accepted") == b"all accepted"
        before = server.cpu().total
        time.sleep(1)
        used = server.cpu().total - before
    if server.name == "nonblocking":
        assert used > 0.2, "asking all the time costs a core: that is its lesson"
    else:
        assert used < 0.05


@every_server
def test_clients_that_come_and_go_leave_no_descriptor(server: Server) -> None:
    process = psutil.Process(server.pid)
    assert still_serves(server)
    time.sleep(0.1)
    before = process.num_fds()
    for number in range(300):
        client = connect(server.address)
        if number % 3:
            assert ask(client, b"hello") == b"hello"
        reset(client) if number % 2 else client.close()
    assert eventually(lambda: process.num_fds() <= before)


@every_server
def test_stops_at_once_and_frees_its_port(server: Server) -> None:
    with connect(server.address) as client:
        assert ask(client, b"hello") == b"hello"
        server.stop()
        assert not psutil.pid_exists(server.pid)
    with pytest.raises(ConnectionRefusedError):
        connect(server.address)


@every_server
def test_a_handler_answers_what_it_likes(server: Server) -> None:
    with iomux.start(server.name, handler=lambda data: data.upper() * 2) as loud, connect(loud.address) as client:
        client.sendall(b"abc")
        assert receive(client, 6) == b"ABCABC"


@every_server
@pytest.mark.parametrize(
    "fault", [lambda data: 1 / 0, lambda data: data.decode(), lambda data: os.stat("/nonexistent")]
)
def test_a_handler_that_fails_ends_its_own_connection(server: Server, fault: Callable[[bytes], Any]) -> None:
    def handler(data: bytes) -> bytes:
        return bytes(data) if data != b"bad" else fault(data)

    with iomux.start(server.name, handler=handler) as running:
        with connect(running.address) as client:
            client.sendall(b"bad")
            assert receive_all(client) == b""
        assert still_serves(running)
        assert "Error" in running.log


def odd_reply(kind: str) -> Any:
    """A reply that is not plain bytes: bytes-like ones are to arrive whole, others end their own connection."""
    released = memoryview(b"gone")
    released.release()
    wide = array.array("i", range(500_000))
    return {"backwards": memoryview(b"abc")[::-1], "wide": wide, "none": None, "text": "abc", "released": released}[
        kind
    ]


@every_server
@pytest.mark.parametrize("kind", ["backwards", "wide"])
def test_a_reply_that_is_like_bytes_arrives_whole(server: Server, kind: str) -> None:
    expected = bytes(memoryview(odd_reply(kind)))
    with iomux.start(server.name, handler=lambda data: odd_reply(kind)) as running, connect(running.address) as client:
        client.sendall(b"x")
        assert receive(client, len(expected)) == expected


@every_server
@pytest.mark.parametrize("kind", ["none", "text", "released"])
def test_a_reply_that_is_not_bytes_ends_its_own_connection(server: Server, kind: str) -> None:
    def handler(data: bytes) -> Any:
        return data if data[:1] == b"g" else bytes(8 * MIB) if data == b"owe" else odd_reply(kind)

    with iomux.start(server.name, handler=handler) as running:
        with connect(running.address) as client:
            client.sendall(b"bad")
            assert receive_all(client) == b""
        with connect(running.address) as client:
            client.sendall(b"owe")
            time.sleep(0.1)
            client.sendall(b"bad")
            with contextlib.suppress(ConnectionResetError):
                receive_all(client)
        with connect(running.address) as client:
            assert ask(client, b"good") == b"good"
        assert "Error" in running.log
