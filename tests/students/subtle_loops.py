"""Loops with one fault each that most clients never meet: an edge that is lost, a second pass, writes that overlap."""

import asyncio
import contextlib
import select
import socket
from collections.abc import Callable
from typing import Any, NoReturn

R, W = select.POLLIN, select.POLLOUT


def edge_triggered(accept_once: bool, read_once: bool) -> Callable[..., None]:
    """A server by edge-triggered epoll that accepts, or reads, once for each notification, or until EAGAIN."""

    def serve(listener: socket.socket, handler: Any = None) -> None:
        listener.setblocking(False)
        epoll, clients = select.epoll(), dict[int, socket.socket]()
        epoll.register(listener, R | select.EPOLLET)
        while True:
            for fd, _ in epoll.poll():
                if fd == listener.fileno():
                    _admit(listener, epoll, clients, accept_once)
                elif not _answer(clients[fd], read_once):
                    clients.pop(fd).close()

    return serve


def _admit(listener: socket.socket, epoll: select.epoll, clients: dict[int, socket.socket], once: bool) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            client = listener.accept()[0]
            clients[client.fileno()] = client
            client.settimeout(5)
            epoll.register(client, R | select.EPOLLET)
            if once:
                return


def _answer(client: socket.socket, once: bool) -> bool:
    """Read and answer, once or as long as there is something to read; False at the end."""
    with contextlib.suppress(BlockingIOError, ConnectionError):
        while data := client.recv(65536, socket.MSG_DONTWAIT):
            client.sendall(data)
            if once:
                return True
        return False
    return True


def in_two_passes(listener: socket.socket, handler: Any = None) -> NoReturn:
    """Looks at each event twice: who is readable, then who is writable or has hung up; by number, each time."""
    listener.setblocking(False)
    epoll, clients, owed = select.epoll(), dict[int, socket.socket](), dict[int, bytes]()
    epoll.register(listener, R)

    def drop(fd: int) -> None:
        owed.pop(fd)
        clients.pop(fd).close()

    while True:
        events = epoll.poll()
        for fd, event in events:
            if fd == listener.fileno():
                client = listener.accept()[0]
                client.setblocking(False)
                clients[client.fileno()], owed[client.fileno()] = client, b""
                epoll.register(client, R)
            elif event & R and not owed[fd]:
                with contextlib.suppress(OSError):
                    owed[fd] = clients[fd].recv(65536)
                if not owed[fd]:
                    drop(fd)
        for fd, event in events:
            if fd in clients and (event & select.POLLHUP or not _sends(clients[fd], owed, fd)):
                drop(fd)
            elif fd in clients:
                epoll.modify(fd, W if owed[fd] else R)


def _sends(client: socket.socket, owed: dict[int, bytes], fd: int) -> bool:
    """Send what is owed as far as there is room; False if the client is gone."""
    try:
        owed[fd] = owed[fd][client.send(owed[fd]) :] if owed[fd] else b""
    except BlockingIOError:
        pass
    except OSError:
        return False
    return True


serve_accepts_once = edge_triggered(accept_once=True, read_once=False)
serve_reads_once = edge_triggered(accept_once=False, read_once=True)
serve_edge_triggered = edge_triggered(accept_once=False, read_once=False)


async def _write(client: socket.socket, data: bytes) -> None:
    rest = memoryview(data)
    with contextlib.suppress(ConnectionError):
        while rest:
            try:
                rest = rest[client.send(rest) :]
            except BlockingIOError:
                await asyncio.sleep(0.001)


async def _talk(client: socket.socket) -> None:
    writes: set[asyncio.Task[None]] = set()
    with client, contextlib.suppress(ConnectionError):
        while data := await asyncio.get_running_loop().sock_recv(client, 65536):
            writes = {write for write in writes if not write.done()} | {asyncio.create_task(_write(client, data))}
        await asyncio.gather(*writes)


def writes_overlap(listener: socket.socket, handler: Any = None) -> None:
    """One thread, and a task for each answer: two of them may write to one client."""

    async def main() -> None:
        talks = set()
        while True:
            client, _ = await asyncio.get_running_loop().sock_accept(listener)
            client.setblocking(False)
            talks.add(asyncio.create_task(_talk(client)))

    listener.setblocking(False)
    asyncio.run(main())
