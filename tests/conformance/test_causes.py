"""The hint about a byte's value: it names the byte that does not come back, and none where nobody is served at all."""

import contextlib
import socket
import threading
from typing import NoReturn

from tests.support.checks import check

_OF_A_VALUE = "Letters come back, and this does not: "


def stops_at_a_tab(listener: socket.socket) -> NoReturn:
    def talk(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while (data := client.recv(65536)) and data != b"\t":
                client.sendall(data)

    while True:
        threading.Thread(target=talk, args=listener.accept()[:1], daemon=True).start()


def serves_nobody_after_a_hundred_messages(listener: socket.socket) -> NoReturn:
    left, over = iter(range(100)), threading.Event()

    def talk(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while data := client.recv(65536):
                if next(left, None) is None:
                    over.wait()
                client.sendall(data)

    while True:
        threading.Thread(target=talk, args=listener.accept()[:1], daemon=True).start()


def test_the_byte_that_does_not_come_back_is_named() -> None:
    assert _OF_A_VALUE + "0x09." in check(stops_at_a_tab, ("echoes", "pieces"))["pieces"].hint


def test_no_byte_is_to_blame_where_nobody_is_served_any_more() -> None:
    result = check(serves_nobody_after_a_hundred_messages, ("echoes", "pieces"))["pieces"]
    assert result.status == "failed"
    assert _OF_A_VALUE not in result.hint
