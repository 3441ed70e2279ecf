"""Servers whose strangeness lies where a check seldom looks: after the answer, before the door, in what remains.

Right ones, and wrong ones with a single fault each.
"""

import contextlib
import ctypes
import os
import selectors
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from iomux.servers.connection import echo

_libc = ctypes.CDLL(None, use_errno=True)
Talk = Callable[[socket.socket], None]


def _in_threads(talk: Talk, listener: socket.socket, admits: Callable[[str], bool] = lambda host: True) -> NoReturn:
    def guarded(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            talk(client)

    while True:
        try:
            client, (host, _) = listener.accept()
        except OSError:
            time.sleep(0.05)  # no descriptor is left
            continue
        if admits(host):
            threading.Thread(target=guarded, args=(client,), daemon=True).start()
        else:
            client.close()


def _echo(client: socket.socket) -> None:
    while data := client.recv(65536):
        client.sendall(data)


def paces(listener: socket.socket) -> None:
    """Right: a client may say a hundred things a second: the thread sleeps after each answer."""

    def talk(client: socket.socket) -> None:
        while data := client.recv(65536):
            client.sendall(data)
            time.sleep(0.01)

    _in_threads(talk, listener)


def keeps_a_journal(listener: socket.socket) -> None:
    """Right: one loop, which answers, and then waits 30 ms for a database that it tells of it."""
    listener.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                selector.register(listener.accept()[0], selectors.EVENT_READ)
                continue
            client: Any = key.fileobj
            if data := client.recv(65536):
                client.sendall(data)
                time.sleep(0.03)
            else:
                selector.unregister(client)
                client.close()


def serves_one_address(listener: socket.socket) -> None:
    """Right: who does not come from 127.0.0.1 is sent away."""
    _in_threads(_echo, listener, "127.0.0.1".__eq__)


def forks_twice(listener: socket.socket, then: Callable[[], object] = lambda: None) -> NoReturn:
    """Right: a grandchild for each client, whose parent ends at once, so that nobody has to wait for it."""
    while True:
        client = listener.accept()[0]
        if not (child := os.fork()):
            if not os.fork():
                listener.close()
                with client, contextlib.suppress(OSError):
                    _echo(client)
                then()
            os._exit(0)
        os.waitpid(child, 0)
        client.close()


def grandchildren_stay(listener: socket.socket) -> None:
    """Wrong: they go on when their clients have left."""
    forks_twice(listener, signal.pause)


def ends_at_quit(listener: socket.socket) -> None:
    """Wrong: a word is taken for a farewell."""

    def talk(client: socket.socket) -> None:
        while (data := client.recv(65536)) and data.strip().lower() != b"quit":
            client.sendall(data)

    _in_threads(talk, listener)


def waits_behind_a_full_buffer(listener: socket.socket) -> None:
    """Wrong: what fills its buffer of 1,500 bytes exactly is not answered until more comes."""

    def talk(client: socket.socket) -> None:
        while data := client.recv(1500):
            while len(data) % 1500 == 0 and (more := client.recv(1500)):
                data += more
            client.sendall(data)

    _in_threads(talk, listener)


def keeps_who_half_closes(listener: socket.socket) -> None:
    """Wrong: who half-closes while it is owed bytes gets them and the end, and its socket is never closed."""

    def talk(client: socket.socket) -> None:
        client.setblocking(False)
        with selectors.DefaultSelector() as waited:
            waited.register(client, selectors.EVENT_READ)
            if _both_at_once(client, waited):
                os.dup(client.fileno())
                client.shutdown(socket.SHUT_WR)

    _in_threads(talk, listener)


def _both_at_once(client: socket.socket, waited: selectors.BaseSelector) -> bool:
    """Read up to 256 KiB ahead, and send; whether bytes were owed when the client's stream came to its end."""
    owed, over, still_owed = bytearray(), False, False
    while owed or not over:
        reads = not over and len(owed) < 262_144
        waited.modify(client, selectors.EVENT_READ * reads | selectors.EVENT_WRITE * bool(owed))
        waited.select()
        with contextlib.suppress(BlockingIOError):
            if reads and not (data := client.recv(65536)):
                over, still_owed = True, bool(owed)
            elif reads:
                owed += data
        with contextlib.suppress(BlockingIOError):
            del owed[: client.send(owed) if owed else 0]
    return still_owed


def closes_twice(listener: socket.socket) -> None:
    """Wrong: by the second time its number may be another client's."""

    def talk(client: socket.socket) -> None:
        number = client.fileno()
        _echo(client)
        client.close()
        time.sleep(0.001)
        os.close(number)

    _in_threads(talk, listener)


def takes_eintr_for_an_end(listener: socket.socket) -> None:
    """Wrong: recv with a time limit is interrupted when the process was stopped and goes on (signal(7))."""
    limit, room = struct.pack("ll", 60, 0), 65536

    def talk(client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        buffer = ctypes.create_string_buffer(room)
        while (count := _libc.recv(client.fileno(), buffer, room, 0)) > 0:
            client.sendall(buffer.raw[:count])

    _in_threads(talk, listener)


def answers_once(listener: socket.socket) -> None:
    """Wrong: a conversation has one message."""
    _in_threads(lambda client: client.sendall(client.recv(65536)), listener)


def answers_twice(listener: socket.socket) -> None:
    """Wrong: a conversation has two messages."""

    def talk(client: socket.socket) -> None:
        for _ in range(2):
            client.sendall(client.recv(65536))

    _in_threads(talk, listener)


def moves_clients_without_their_bytes(listener: socket.socket) -> NoReturn:
    """Wrong: the last client takes the place of one that leaves, and what it is owed stays at its old place."""
    listener.setblocking(False)
    clients, owed = list[socket.socket](), [bytearray() for _ in range(2000)]
    while True:
        poller = selectors.PollSelector()
        poller.register(listener, selectors.EVENT_READ)
        for place, client in enumerate(clients):
            poller.register(client, selectors.EVENT_WRITE if owed[place] else selectors.EVENT_READ, place)
        told = poller.select()
        poller.close()
        if told[0][0].data is None:
            with contextlib.suppress(BlockingIOError):
                clients.append(listener.accept()[0])
                clients[-1].setblocking(False)
                owed[len(clients) - 1].clear()
        for place in sorted((key.data for key, _ in told if key.data is not None), reverse=True):
            if not _step(clients[place], owed[place]):
                clients[place].close()
                owed[place].clear()
                clients[place] = clients[-1]
                clients.pop()


def counts_parts_in_sixteen_bits(listener: socket.socket) -> NoReturn:
    """Wrong: of a part of more than 64 KiB that send took, the lower 16 bits are remembered."""
    selector, owed = selectors.DefaultSelector(), dict[Any, bytearray]()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, events in selector.select():
            client: Any = key.fileobj
            if client is listener:
                client = listener.accept()[0]
                client.setblocking(False)
                owed[client] = bytearray()
                selector.register(client, selectors.EVENT_READ)
            elif _talk_in_parts(client, owed[client], events):
                wanted = selectors.EVENT_READ if len(owed[client]) < 1 << 20 else 0
                selector.modify(client, wanted | (selectors.EVENT_WRITE if owed[client] else 0))
            else:
                selector.unregister(client)
                client.close()


def _talk_in_parts(client: socket.socket, owed: bytearray, events: int) -> bool:
    try:
        if events & selectors.EVENT_READ:
            if not (data := client.recv(65536)):
                return False
            owed += data
        count = client.send(owed)
    except BlockingIOError:
        return True
    except OSError:
        return False
    del owed[: count if count == len(owed) else count & 0xFFFF]
    return True


def _step(client: socket.socket, owed: bytearray) -> bool:
    try:
        if not owed:
            owed += client.recv(65536)
        del owed[: client.send(echo(bytes(owed)))]
    except BlockingIOError:
        return True
    except OSError:
        return False
    return bool(owed) or _still_open(client)


def _still_open(client: socket.socket) -> bool:
    with contextlib.suppress(BlockingIOError):
        return bool(client.recv(1, socket.MSG_PEEK))
    return True
