"""Servers and handlers with common faults; `tests.students.right` says why they are in files of their own."""

import asyncio
import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn


def returns_at_once(listener: socket.socket, handler: Any = None) -> None:
    """A server that forgot its loop."""


def breaks_at_once(listener: Any) -> None:
    raise ZeroDivisionError("on purpose")


def leaves(listener: Any) -> None:
    sys.exit(3)


def breaks_at_first_client(listener: Any, handler: Any = None) -> None:
    """A server with a bug that appears when a client connects."""
    listener.accept()
    raise ZeroDivisionError("on purpose")


def prints_without_end(listener: Any) -> None:
    while True:
        print("x" * 1_000_000)
        time.sleep(0.05)  # the loop's end is what is missing, not its haste: a whole core would tell the test nothing


def prints_without_end_in_a_child(listener: Any) -> None:
    if os.fork() == 0:
        prints_without_end(listener)
    time.sleep(600)


def prints_much_and_breaks(listener: Any) -> None:
    listener.accept()
    for _ in range(40_000):
        print("x" * 1000)
    raise ZeroDivisionError("on purpose")


def keeps_clients_whose_send_failed(listener: socket.socket) -> None:
    """Does not read from clients that it owes bytes, and keeps the socket of a client whose `send` has failed."""
    kept, owed = [], dict[socket.socket, bytes]()
    while True:
        idle = [client for client in owed if not owed[client]]
        readable, writable, _ = select.select([listener, *idle], [client for client in owed if owed[client]], [])
        for ready in readable:
            if ready is listener:
                client, _ = listener.accept()
                client.setblocking(False)
                owed[client] = b""
                continue
            with contextlib.suppress(ConnectionError):
                owed[ready] = ready.recv(65536)
            if not owed[ready]:
                del owed[ready]
                ready.close()
        for client in writable:
            try:
                owed[client] = owed[client][client.send(owed[client]) :]
            except ConnectionError:
                del owed[client]
                kept.append(client)


def closes_its_input(listener: Any) -> None:
    os.close(0)
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    time.sleep(600)


def answers_wrongly(data: bytes) -> bytes:
    """As many bytes as received, with other values."""
    return bytes(len(data))


def answers_each_wrongly(listener: socket.socket, handler: Any = None) -> None:
    def converse(client: socket.socket) -> None:
        while data := client.recv(4096):
            client.sendall(b"x" * len(data))

    while True:
        threading.Thread(target=converse, args=listener.accept()[:1], daemon=True).start()


def wrong_to_every_second(listener: socket.socket, handler: Any = None) -> None:
    def converse(client: socket.socket, wrong: bool) -> None:
        while data := client.recv(4096):
            client.sendall(b"x" * len(data) if wrong else data)

    wrong = False
    while True:
        threading.Thread(target=converse, args=(listener.accept()[0], wrong), daemon=True).start()
        wrong = not wrong


def says_more(listener: socket.socket, handler: Any = None) -> None:
    """A server that answers twice."""
    while True:
        client, _ = listener.accept()
        while data := client.recv(100):
            client.sendall(data * 2)


def hangs_after_150(client: socket.socket) -> None:
    for _ in range(150):
        client.sendall(client.recv(4096))
    time.sleep(60)


def faulty(fault: Callable[[socket.socket, bytes, int], None]) -> Callable[[Any], None]:
    """A threaded server that calls `fault(client, data, number)` for each message."""

    def serve(listener: Any) -> None:
        def converse(client: socket.socket) -> None:
            number = 0
            while data := client.recv(65536):
                fault(client, data, number)
                number += 1
            client.close()

        while True:
            threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()

    return serve


def wrong(client: socket.socket, data: bytes, number: int) -> None:
    client.sendall(data if number < 10 else bytes(len(data)))


def closes(client: socket.socket, data: bytes, number: int) -> None:
    client.sendall(data)
    if number == 5:
        client.shutdown(socket.SHUT_RDWR)


def talks_too_much(client: socket.socket, data: bytes, number: int) -> None:
    client.sendall(data + b"!")


def silent_after_five(client: socket.socket, data: bytes, number: int) -> None:
    if number < 5:
        client.sendall(data)


class WithoutPause(asyncio.Protocol):
    """The usual example of an echo server: it never waits until its writes have been sent."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def forever() -> None:
    """Wait until Ctrl-C. From 3.12.1 on `Server.serve_forever` would then wait until every client has left."""
    await asyncio.get_running_loop().create_future()


def serve_without_pause(listener: socket.socket) -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_server(WithoutPause, sock=listener)
        await forever()

    listener.setblocking(False)
    asyncio.run(main())


def answers_otherwise(listener: socket.socket) -> NoReturn:
    while True:
        client, _ = listener.accept()
        client.sendall(b"!" + client.recv(100))
