"""The event loop as a server: a blocking handler stalls all, one loop has a button and sockets, stale events drop."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import iomux
from iomux.events import EventLoop
from iomux.servers.connection import OVER, READ, Connection
from iomux.system.sockets import accept_pending
from tests.support.clients import ask, connect, eventually
from tests.test_events import loop as loop
from tests.test_events import pipe as pipe
from tests.test_events_threads import in_thread


def test_a_blocking_handler_stalls_the_whole_loop(loop: EventLoop) -> None:
    seen: list[str] = []

    def blocks() -> None:
        time.sleep(0.15)
        seen.append("slept")

    loop.after(0.01, blocks)
    for n in range(1, 5):
        loop.after(0.02 * n, seen.append, "tick")
    loop.run()
    assert seen[0] == "slept"


def test_one_loop_serves_a_button_and_sockets() -> None:
    def serve(listener: socket.socket, handler: Any = iomux.echo) -> None:
        clicks = [0]

        def click() -> None:
            clicks[0] += 1
            events.after(0.01, events.emit, "click")

        def turn(connection: Connection) -> None:
            if connection.advance():
                fd = connection.sock.fileno()
                if connection.interest == OVER:
                    events.unwatch(fd)
                    connection.close()
                else:
                    events.watch(fd, connection.interest, turn, connection)

        def accept() -> None:
            for client in accept_pending(listener):
                connection = Connection(client, lambda data: handler(data) if data != b"?" else b"%d" % clicks[0])
                events.watch(client.fileno(), READ, turn, connection)

        listener.setblocking(False)
        with EventLoop() as events:
            events.on("click", click)
            events.emit("click")
            events.watch(listener.fileno(), READ, accept)
            events.run()

    with iomux.start(serve) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server.address)) for _ in range(100)]
        for number, client in enumerate(clients):
            client.sendall(b"%d" % number)
        assert [client.recv(10) for client in clients] == [b"%d" % number for number in range(100)]
        big = os.urandom(3_000_000)
        thread = in_thread(lambda: clients[0].sendall(big))
        got = bytearray()
        while len(got) < len(big):
            got += clients[0].recv(1 << 20)
        thread.join()
        assert bytes(got) == big

        def clicks() -> int:
            return int(ask(clients[1], b"?") or 0)

        assert eventually(lambda: clicks() >= 3)


def test_a_stale_event_of_a_reused_descriptor_is_dropped() -> None:
    seen: list[str] = []
    with EventLoop() as loop, two_pairs() as ((a, to_a), (b, to_b)):
        to_a.sendall(b"a")
        to_b.sendall(b"b")
        taken: list[socket.socket] = []

        def first(mine: socket.socket, other: socket.socket) -> None:
            seen.append("ready")
            for sock in (mine, other):
                loop.unwatch(sock.fileno())
            number = other.fileno()
            other.close()
            taken.append(socket.socket(fileno=os.dup2(mine.fileno(), number)))  # as the kernel reuses numbers
            mine.recv(1)
            loop.watch(number, READ, seen.append, "told of bytes that were another's")
            loop.after(0.05, loop.stop)

        loop.watch(a.fileno(), READ, first, a, b)
        loop.watch(b.fileno(), READ, first, b, a)
        loop.run()
        taken[0].close()
    assert seen == ["ready"]


@contextlib.contextmanager
def two_pairs() -> Iterator[tuple[tuple[socket.socket, socket.socket], tuple[socket.socket, socket.socket]]]:
    pairs = socket.socketpair(), socket.socketpair()
    with contextlib.ExitStack() as stack:
        for sock in (*pairs[0], *pairs[1]):
            stack.callback(sock.close)
        yield pairs
