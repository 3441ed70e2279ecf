"""`iomux.start(server, protocol=...)`: which servers carry a protocol; what is wrong is said before anything starts."""

import math
import socket
from typing import Any

import pytest

import iomux
from iomux.servers.protocol import Replies, Say
from tests.support.clients import connect, receive, receive_all
from tests.support.talk import Talk

COMMAND = "python -m http.server {port} --bind 127.0.0.1"


def test_a_factory_of_a_notebooks_cell_is_carried() -> None:
    class Shout:
        over, due, idle = False, math.inf, True

        def feed(self, data: bytes, now: float) -> Replies:
            return data.upper()

        def late(self, now: float) -> Replies:
            return b""

        def gone(self) -> None:
            pass

    class Factory:
        due = math.inf

        def __call__(self, now: float, say: Say) -> Shout:
            return Shout()

        def late(self, now: float) -> None:
            pass

    with iomux.start("poll", protocol=Factory()) as server, connect(server.address) as client:
        client.sendall(b"hello")
        assert receive(client, 5) == b"HELLO"


def test_a_function_that_takes_a_handler_is_given_what_a_protocol_needs() -> None:
    def serve(listener: socket.socket, handler: Any = iomux.echo) -> None:
        iomux.mechanisms()[3].load()(listener, handler)

    with iomux.start(serve, protocol=Talk()) as server, connect(server.address) as client:
        client.sendall(b"bye\n")
        assert receive_all(client) == b"bye\n"


def test_a_function_that_only_calls_its_handler_says_so_in_its_log() -> None:
    def serve(listener: socket.socket, handler: Any = iomux.echo) -> None:
        while True:
            client = listener.accept()[0]
            try:
                handler(client.recv(9))
            except TypeError as error:
                client.sendall(str(error).encode())
            client.close()

    with iomux.start(serve, protocol=Talk()) as server, connect(server.address) as client:
        client.sendall(b"bye\n")
        assert receive_all(client).startswith(b"this server knows handlers only, and was given a protocol")


def listener_only(listener: socket.socket) -> None:
    """A server that takes no handler."""


WRONG: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    ("poll", {"protocol": Talk(), "handler": iomux.echo}, TypeError, "handler and protocol are both given"),
    ("poll", {"protocol": Talk}, TypeError, "give a factory, an object with due"),
    ("poll", {"protocol": iomux.echo}, TypeError, "give a factory, an object with due"),
    ("poll", {"protocol": 3}, TypeError, "protocol is 3: give a factory"),
    (listener_only, {"protocol": Talk()}, ValueError, "takes a listener only"),
    (COMMAND, {"protocol": Talk()}, ValueError, "has its own protocol: leave protocol out"),
    ("localhost:8000", {"protocol": Talk()}, ValueError, "there is nothing to start"),
]


@pytest.mark.parametrize(("server", "given", "error", "said"), WRONG)
def test_what_can_carry_none_is_refused(server: Any, given: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        iomux.start(server, **given)
