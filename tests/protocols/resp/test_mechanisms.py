"""The same store under every mechanism: two clients in turn, a message, a dead key, and more asked for than is read."""

import socket
import time

import pytest

import iomux
from iomux.protocols import resp
from tests.support.redis import command

SECONDS = 30.0
VALUE = b"x" * 1_000_000


def heard(client: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (piece := client.recv(1 << 20)):
        data += piece
    return bytes(data)


def ask(client: socket.socket, line: bytes, answer: bytes) -> None:
    client.sendall(line + b"\r\n")
    assert heard(client, len(answer)) == answer


@pytest.mark.parametrize("name", [name for name in iomux.names() if name != "blocking"])
def test_every_mechanism_carries_a_store(name: str) -> None:
    with iomux.start(name, protocol=resp.store()) as server:
        clients = [socket.create_connection(server.address, SECONDS) for _ in range(3)]
        ada, bob, eve = clients
        ask(ada, b"SET k v PX 50", b"+OK\r\n")
        ask(bob, b"INCR n\r\nINCR n", b":1\r\n:2\r\n")
        ask(eve, b"SUBSCRIBE news", b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")
        ask(ada, b"PUBLISH news hi", b":1\r\n")
        said = b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n"
        assert heard(eve, len(said)) == said
        keys, end = b":2\r\n", time.monotonic() + SECONDS
        while keys != b":1\r\n" and time.monotonic() < end:  # the dead key is forgotten though nobody asks for it
            bob.sendall(b"DBSIZE\r\n")
            keys = heard(bob, 4)
        assert keys == b":1\r\n"
        ask(ada, command(b"SET", b"big", VALUE)[:-2], b"+OK\r\n")
        ada.sendall(command(b"GET", b"big") * 20)  # and does not read
        ask(bob, b"PING", b"+PONG\r\n")
        ada.shutdown(socket.SHUT_WR)
        reply = b"$1000000\r\n" + VALUE + b"\r\n"
        assert heard(ada, 21 * len(reply)) == reply * 20
        ask(bob, b"QUIT", b"+OK\r\n")
        assert bob.recv(1) == b""
        for client in clients:
            client.close()


def test_a_blocking_server_serves_one_client_after_the_other() -> None:
    with iomux.start("blocking", protocol=resp.store()) as server:
        for number in (b":1\r\n", b":2\r\n"):
            with socket.create_connection(server.address, SECONDS) as client:
                ask(client, b"INCR n", number)
