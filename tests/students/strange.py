"""Servers for `iomux.check` that are right but slow or strange, and ones that are wrong in one way only.

Each is a file's function, imported in the server's process: so this imports little.
"""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

from iomux.course.clinic.loop import Client, read, run, turn
from iomux.servers.connection import echo

BYTES_A_SECOND = 4e6


def with_threads(converse: Callable[[socket.socket], None]) -> Callable[[Any], None]:
    """A server with a thread for each client."""

    def serve(listener: Any) -> None:
        def guarded(client: socket.socket) -> None:
            with client, contextlib.suppress(OSError):
                converse(client)

        while True:
            try:
                threading.Thread(target=guarded, args=listener.accept()[:1], daemon=True).start()
            except OSError:  # no descriptor is left
                time.sleep(0.05)

    return serve


def _shaped(client: socket.socket) -> None:
    while data := client.recv(20_000):
        client.sendall(data)
        time.sleep(len(data) / BYTES_A_SECOND)


def _in_two_sends(client: socket.socket) -> None:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := client.recv(65536):
        client.sendall(data[:2])
        time.sleep(0.001)
        client.sendall(data[2:])


def _no_rest(client: socket.socket) -> None:
    while (data := client.recv(65536)) and client.send(data, socket.MSG_DONTWAIT) == len(data):
        pass


def _to_the_zero(client: socket.socket) -> None:
    while data := client.recv(200_000):
        client.sendall(data.partition(b"\0")[0])


def _sends_the_rest_twice(client: socket.socket) -> None:
    while data := client.recv(65536):
        sent = client.send(data, socket.MSG_DONTWAIT)
        if sent < len(data):
            client.sendall(data[max(sent - 1000, 0) :])


shaped = with_threads(_shaped)
"""Right: some megabytes a second for each client, asleep in between."""
in_two_sends = with_threads(_in_two_sends)
"""Right: each answer in two parts."""
short_write_closes = with_threads(_no_rest)
"""Wrong: a send that takes less than all ends that client."""
to_the_zero = with_threads(_to_the_zero)
"""Wrong: what comes after a zero byte is lost."""
rest_twice = with_threads(_sends_the_rest_twice)
"""Wrong: after a short send some bytes are sent again."""


def slow_to_accept(listener: Any) -> None:
    """Right: takes some time for each newcomer, as one does that forks on a busy machine."""

    def accept() -> Any:
        time.sleep(0.015)
        return listener.accept()

    shaped(SimpleNamespace(accept=accept))


def small_reads(listener: Any) -> None:
    """Right: reads 90 bytes at a time."""

    def read_little(client: Client, handler: Any) -> None:
        with contextlib.suppress(BlockingIOError):
            data = client.sock.recv(90)
            client.ended = not data
            client.owed += data

    run(listener, echo, partial(turn, read=read_little))


def long_turns(listener: Any) -> None:
    """Right: up to 8 MiB of one client in one turn, if there is so much; then the others."""

    def read_much(client: Client, handler: Any) -> None:
        for _ in range(128):
            before = len(client.owed)
            read(client, handler)
            if len(client.owed) == before or client.ended:
                return
            with contextlib.suppress(BlockingIOError):
                del client.owed[: client.sock.send(client.owed)]
            if client.owed:
                return

    run(listener, echo, partial(turn, read=read_much))


class _Ticking:
    """A poller that wakes after a pause, and has no events then."""

    def __init__(self, pause: float, then_asks: bool) -> None:
        self._poll, self._pause, self._then_asks = select.poll(), pause, then_asks
        self.register, self.modify, self.unregister = self._poll.register, self._poll.modify, self._poll.unregister

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        if self._then_asks:
            time.sleep(self._pause)
            return self._poll.poll(0)
        return self._poll.poll(self._pause * 1000)


def heartbeat(listener: Any) -> None:
    """Right: wakes twenty times a second for work of its own."""
    run(listener, echo, poller=_Ticking(0.05, False))


def asks_every_2_ms(listener: Any) -> None:
    """Wrong: does not wait in the kernel, but asks some 450 times a second."""
    run(listener, echo, poller=_Ticking(0.002, True))


def leaks_300_bytes(listener: Any) -> None:
    """Wrong: keeps 300 bytes for each visitor."""
    kept: list[bytearray] = []

    def admit(listener: socket.socket, poller: Any, clients: Any) -> None:
        from iomux.course.clinic.loop import admit as right

        before = len(clients)
        right(listener, poller, clients)
        kept.extend(bytearray(300) for _ in range(len(clients) - before))

    run(listener, echo, admit=admit)


def dies_on_reset(listener: Any) -> None:
    """Wrong: an error of a client's socket ends the server."""

    def follow(client: Client, handler: Any) -> int:
        if client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise ConnectionResetError("a client has reset its connection")
        return turn(client, handler)

    run(listener, echo, follow)


def room_for_300(listener: Any) -> None:
    """Wrong: the 301st client is accepted and not served until one leaves."""
    room = threading.Semaphore(300)

    def converse(client: socket.socket) -> None:
        with room:
            while data := client.recv(65536):
                client.sendall(data)

    with_threads(converse)(listener)


def writes_overlap(listener: Any) -> None:
    """Wrong: each answer is sent by a thread of its own, in parts."""

    def send_in_parts(client: socket.socket, data: bytes) -> None:
        with contextlib.suppress(OSError):
            while data:
                time.sleep(0.0005)
                with contextlib.suppress(BlockingIOError):
                    data = data[client.send(data[:10_000], socket.MSG_DONTWAIT) :]

    def converse(client: socket.socket) -> None:
        threads = []
        while data := client.recv(65536):
            threads.append(threading.Thread(target=send_in_parts, args=(client, data), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join()

    with_threads(converse)(listener)
