"""Servers with one fault each, which one short conversation shows."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable

Serve = Callable[[socket.socket], None]


def _answering(answer: Callable[[bytes], bytes], closes: bool = True) -> Serve:
    """A server with a thread for each client, which sends back what `answer` makes of each piece that it receives."""

    def serve(listener: socket.socket) -> None:
        kept = []

        def converse(client: socket.socket) -> None:
            with contextlib.suppress(ConnectionError):
                while data := client.recv(1 << 17):
                    client.sendall(answer(data))
            if closes:
                client.close()

        while True:
            client, _ = listener.accept()
            kept.append(client)
            threading.Thread(target=converse, args=(client,), daemon=True).start()

    return serve


stops_at_nul = _answering(lambda data: data.partition(b"\0")[0])
"""As a program in C that takes what came for a string."""
doubles = _answering(lambda data: data * 2)
loses_the_last_of_4096 = _answering(lambda data: data[:-1] if len(data) == 4096 else data)
at_most_1000 = _answering(lambda data: data[:1000])
never_closes = _answering(lambda data: data, closes=False)


def _slowly(data: bytes) -> bytes:
    time.sleep(0.4)
    return data


slow = _answering(_slowly)
"""Right, but each answer takes its time."""


def forgets_the_second(listener: socket.socket) -> None:
    """Answers the first message of each client, and none after it."""

    def converse(client: socket.socket) -> None:
        client.sendall(client.recv(1 << 17))
        while client.recv(1 << 17):
            pass
        client.close()

    while True:
        threading.Thread(target=converse, args=listener.accept()[:1], daemon=True).start()


def dies_of_a_reset(listener: socket.socket) -> None:
    """One client at a time, and none after one that has reset."""
    while True:
        client, _ = listener.accept()
        with client:
            while data := client.recv(1 << 17):
                client.sendall(data)


def takes_send_for_all(listener: socket.socket) -> None:
    """Nonblocking sockets in threads; what `send` did not take is lost."""

    def converse(client: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            while data := client.recv(1 << 17):
                client.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    client.send(data)
                client.setblocking(True)
        client.close()

    while True:
        threading.Thread(target=converse, args=listener.accept()[:1], daemon=True).start()


def _swapped(data: bytes) -> bytes:
    return data[1:2] + data[:1] + data[2:] if len(data) == 1 << 17 else data


swaps_what_is_large = _answering(_swapped)
"""Two bytes change places, where much has come at once."""
