"""Servers with one fault each that most clients never meet; each is right in all else, and some are right in all.

They are told apart by the item of `iomux.check` that is made for the fault. The server's process imports this file.
"""

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

_said: list[bytes] = []


def in_threads(converse: Callable[[socket.socket], None]) -> Callable[..., None]:
    """A server that runs `converse` in a thread for each client."""

    def serve(listener: socket.socket, handler: Any = None) -> None:
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                time.sleep(0.05)
                continue
            threading.Thread(target=guarded, args=(converse, client), daemon=True).start()

    return serve


def guarded(converse: Callable[[socket.socket], None], client: socket.socket) -> None:
    with client, contextlib.suppress(OSError):
        converse(client)


def remembers(client: socket.socket) -> None:
    """Keeps all that was ever said."""
    while data := client.recv(65536):
        _said.append(data)
        client.sendall(data)


def in_two_sends(client: socket.socket) -> None:
    """Header and body apart, with Nagle's algorithm."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
    while data := client.recv(65536):
        client.sendall(data[:4])
        client.sendall(data[4:])


def in_two_sends_at_once(client: socket.socket) -> None:
    """Right: header and body apart, with TCP_NODELAY, and a wait of its own in between."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := client.recv(65536):
        client.sendall(data[:4])
        time.sleep(0.005)
        client.sendall(data[4:])


def more_to_come(client: socket.socket) -> None:
    """MSG_MORE, and nothing follows."""
    while data := client.recv(65536):
        client.sendall(data, socket.MSG_MORE)


def corked(client: socket.socket) -> None:
    """TCP_CORK, never taken out."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    while data := client.recv(65536):
        client.sendall(data)


def corked_and_uncorked(client: socket.socket) -> None:
    """Right: the cork is taken out after each answer."""
    while data := client.recv(65536):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        client.sendall(data[:4])
        client.sendall(data[4:])
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


def computes(client: socket.socket) -> None:
    """Right: computes for 5 ms before each answer."""
    while data := client.recv(65536):
        until = time.thread_time() + 0.005
        while time.thread_time() < until:
            pass
        client.sendall(data)


def asks_every(seconds: float) -> Callable[[socket.socket], None]:
    """Asks at intervals instead of waiting."""

    def asks(client: socket.socket) -> None:
        while True:
            time.sleep(seconds)
            with contextlib.suppress(BlockingIOError):
                if not (data := client.recv(65536, socket.MSG_DONTWAIT)):
                    return
                client.sendall(data)

    return asks


def sends_the_silent_away(client: socket.socket) -> None:
    """Closes a client that has said nothing for 5 s, after its first message."""
    while data := client.recv(65536):
        client.settimeout(None)
        client.sendall(data)
        client.settimeout(5.0)


def splices(client: socket.socket) -> None:
    """By splice, through a pipe, as Go's io.Copy does from a TCP connection to one."""
    out, into = os.pipe()
    client.setblocking(False)
    while True:
        select.select([client], [], [])
        time.sleep(0.001)  # at the urgent byte it is asked again for ever: not as fast as this machine can
        with contextlib.suppress(BlockingIOError):
            if not (count := os.splice(client.fileno(), into, 65536)):
                return
            while count:
                select.select([], [client], [])
                count -= os.splice(out, client.fileno(), count)


serve_splices = in_threads(splices)
serve_remembers = in_threads(remembers)
serve_in_two_sends = in_threads(in_two_sends)
serve_in_two_sends_at_once = in_threads(in_two_sends_at_once)
serve_more_to_come = in_threads(more_to_come)
serve_corked = in_threads(corked)
serve_corked_and_uncorked = in_threads(corked_and_uncorked)
serve_computes = in_threads(computes)
serve_asks_every_3_ms = in_threads(asks_every(0.003))
serve_asks_every_25_ms = in_threads(asks_every(0.025))
serve_sends_the_silent_away = in_threads(sends_the_silent_away)


def echoes(client: socket.socket) -> None:
    while data := client.recv(65536):
        client.sendall(data)


def keeps_a_duplicate(listener: socket.socket, handler: Any = None) -> NoReturn:
    """Duplicates each client's descriptor, and forgets to close the other one."""
    while True:
        client = listener.accept()[0]
        os.dup(client.fileno())
        threading.Thread(target=guarded, args=(echoes, client), daemon=True).start()


def asks_for_the_name(listener: socket.socket, handler: Any = None) -> NoReturn:
    """Asks who has connected, and does not expect that it has reset meanwhile."""
    while True:
        client = listener.accept()[0]
        client.getpeername()
        threading.Thread(target=guarded, args=(echoes, client), daemon=True).start()


def first_words_unguarded(listener: socket.socket, handler: Any = None) -> NoReturn:
    """Forgives the reset of a client that has spoken; the first recv of each client is outside of its try."""
    poller, clients, spoken = select.poll(), dict[int, socket.socket](), set[int]()
    poller.register(listener, select.POLLIN)
    while True:
        for fd, _ in poller.poll():
            if fd == listener.fileno():
                client = listener.accept()[0]
                clients[client.fileno()] = client
                poller.register(client, select.POLLIN)
                continue
            data = b"" if fd in spoken else clients[fd].recv(65536)
            with contextlib.suppress(ConnectionError):
                data = data or clients[fd].recv(65536)
                clients[fd].sendall(data)
            spoken.add(fd)
            if not data:
                spoken.discard(fd)
                poller.unregister(fd)
                clients.pop(fd).close()
