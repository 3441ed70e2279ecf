"""Servers with one planted fault each, which harness and fuzz test have to find."""

import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

Serve = Callable[[Any], None]


def threaded(converse: Callable[[socket.socket], None]) -> Serve:
    """A server that runs `converse` in a thread for each client."""

    def serve(listener: Any) -> None:
        def guarded(client: socket.socket) -> None:
            try:
                with client:
                    converse(client)
            except OSError:
                pass

        while True:
            threading.Thread(target=guarded, args=(listener.accept()[0],), daemon=True).start()

    return serve


def answering(answer: Callable[[bytes, int], bytes | None]) -> Serve:
    """A threaded server that sends `answer(data, bytes received before)`; an answer of None closes the connection."""

    def converse(client: socket.socket) -> None:
        count = 0
        while data := client.recv(65536):
            reply = answer(data, count)
            count += len(data)
            if reply is None:
                return
            client.sendall(reply)

    return threaded(converse)


def changes_a_byte(data: bytes, count: int) -> bytes:
    return data if count < 1000 else bytes([data[0] ^ 1]) + data[1:]


def stalls(data: bytes, count: int) -> bytes:
    return data if count < 1000 else b""


def never_answers(data: bytes, count: int) -> bytes:
    return b""


def closes_early(data: bytes, count: int) -> bytes | None:
    return data if count < 1000 else None


def says_too_much(data: bytes, count: int) -> bytes:
    return data + b"!"


def takes_send_as_complete(client: socket.socket) -> None:
    """Like published servers: nonblocking, and bytes that did not fit into the kernel's buffer are lost."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    while data := client.recv(65536):
        client.send(data, socket.MSG_DONTWAIT)


def loses_bytes(data: bytes, count: int) -> bytes:
    return data[:1000]


def forgets_what_it_owes(client: socket.socket) -> None:
    """Takes a half-close for the end of the connection: the last bytes are not answered."""
    while data := client.recv(65536):
        if select.select([client], [], [], 0)[0] and not client.recv(1, socket.MSG_PEEK):
            return
        client.sendall(data)


def dies(listener: Any) -> None:
    """Echoes to one client after the other, and ends at the 20th message."""
    count = 0
    while True:
        client = listener.accept()[0]
        try:
            with client:
                while data := client.recv(65536):
                    count += 1
                    if count == 20:
                        raise ZeroDivisionError("planted")
                    client.sendall(data)
        except OSError:
            pass


class Planted(Exception):
    """An error that is slow to print: the traceback comes long after the server's sockets are closed."""

    def __str__(self) -> str:
        print("dying", flush=True)
        time.sleep(0.3)
        return "planted"


def dies_slowly(listener: Any, handler: Any = None) -> None:
    """Answers a client once, closes the connection, and takes a moment to end."""
    client = listener.accept()[0]
    client.sendall(client.recv(65536))
    client.recv(65536)
    client.close()
    raise Planted
