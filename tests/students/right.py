"""Correct servers and handlers as people write them.

The process of a server imports the file of its function. So they are not in the files of tests: those would import
pytest and pandas too, which takes a second each time.
"""

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable
from typing import Any

from iomux.servers import get

Converse = Callable[[socket.socket], None]
BIG = 8 << 20
"""More bytes than the buffers of a socket hold."""
OWN_WORK_SECONDS = 0.02
"""Several times as long as a busy machine delays a process that was woken."""


def asks_in_turn(listener: socket.socket, handler: Any = lambda data: data) -> None:
    """A student's server: nonblocking sockets with select.select, nothing from iomux."""
    listener.setblocking(False)
    clients: list[socket.socket] = []
    while True:
        for ready in select.select([listener, *clients], [], [])[0]:
            if ready is listener:
                client, _ = listener.accept()
                client.setblocking(False)
                clients.append(client)
            elif data := ready.recv(65536):
                ready.send(handler(data))
            else:
                clients.remove(ready)
                ready.close()


def in_a_with_statement(listener: socket.socket, handler: Any = None) -> None:
    with listener:
        while True:
            client, _ = listener.accept()
            with client:
                while data := client.recv(4096):
                    client.sendall(data)


def forks(listener: socket.socket, handler: Any = None) -> None:
    while True:
        client, _ = listener.accept()
        if os.fork() == 0:
            while data := client.recv(4096):
                client.sendall(data)
            os._exit(0)
        client.close()


def served_by(converse: Converse) -> Callable[..., None]:
    """A blocking server that runs `converse` for one client after the other, as a student's does."""

    def serve(listener: socket.socket, handler: Any = None) -> None:
        while True:
            client, _ = listener.accept()
            with contextlib.suppress(OSError):
                converse(client)
            client.close()

    return serve


def byte_by_byte(client: socket.socket) -> None:
    while data := client.recv(65536):
        for number in data:
            client.send(bytes([number]))


def sixteen_at_a_time(client: socket.socket) -> None:
    while data := client.recv(16):
        client.sendall(data)


def into_a_buffer(client: socket.socket) -> None:
    buffer = bytearray(65536)
    while size := client.recv_into(buffer, 4096):
        client.sendall(memoryview(buffer)[:size], 0)


def with_flags(client: socket.socket) -> None:
    buffer = bytearray(64)
    while client.recv_into(buffer, 32, socket.MSG_WAITALL):
        client.send(buffer[:32] + client.recv(32, socket.MSG_WAITALL), getattr(socket, "MSG_NOSIGNAL", 0))


def does_not_wait(client: socket.socket) -> None:
    while True:
        try:
            data = client.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            continue
        if not data:
            return
        client.sendall(data)


def as_a_file(client: socket.socket) -> None:
    with client.makefile("rb") as file:
        while data := file.read1(4096):
            client.sendall(data)


def by_descriptor(client: socket.socket) -> None:
    while data := os.read(client.fileno(), 4096):
        os.write(client.fileno(), data)


def by_sendmsg(client: socket.socket) -> None:
    while data := client.recv(4096):
        client.sendmsg([data])


def works_between_two_sends(client: socket.socket) -> None:
    while data := client.recv(4096):
        client.sendall(data[:32])
        time.sleep(OWN_WORK_SECONDS)
        client.sendall(data[32:])


def works_between_two_recvs(client: socket.socket) -> None:
    while data := client.recv(32):
        time.sleep(OWN_WORK_SECONDS)
        client.sendall(data + client.recv(32))


def sleeps(data: bytes) -> bytes:
    """A handler with some work of its own."""
    time.sleep(OWN_WORK_SECONDS)
    return data


def sleeps_long(data: bytes) -> bytes:
    time.sleep(0.2)
    return data


def big(data: bytes) -> bytes:
    """A handler that answers `big` with more than the buffers of a socket hold."""
    return bytes(BIG) if data == b"big" else data


def heap_that_fills_up(listener: Any) -> None:
    """A correct server whose memory grows by 20 MB with its first clients, like a collected heap, then stays."""
    heap: list[bytearray] = []

    def fills(data: bytes) -> bytes:
        if len(heap) < 2000:
            heap.append(bytearray(b"x" * 10_000))
        return data

    get("poll").load()(listener, fills)


def prints_all_it_gets(listener: Any) -> None:
    """A correct server that prints every byte it receives."""

    def tells(data: bytes) -> bytes:
        print("got", data)
        return data

    get("poll").load()(listener, tells)
