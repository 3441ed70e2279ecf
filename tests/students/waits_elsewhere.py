"""Servers that do not wait in a call of the select module themselves: on asyncio, in a pool, in C."""

import asyncio
import contextlib
import ctypes
import queue
import select
import signal
import socket
import threading
from typing import Any

from tests.students.waits import _serve_one

LIBC = ctypes.CDLL(None)


def by_streams(listener: socket.socket) -> None:
    """asyncio's streams, run by the server itself."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(talk, sock=listener)
        await server.serve_forever()

    listener.setblocking(False)
    asyncio.run(main())


async def in_a_coroutine(listener: socket.socket) -> None:
    """A coroutine function, on the loop's own calls."""
    loop = asyncio.get_running_loop()

    async def talk(client: socket.socket) -> None:
        while data := await loop.sock_recv(client, 4096):
            await loop.sock_sendall(client, data)
        client.close()

    tasks = set()
    while True:
        client, _ = await loop.sock_accept(listener)
        tasks.add(asyncio.create_task(talk(client)))


def by_a_call_in_c(listener: socket.socket) -> None:
    """poll(2) called by ctypes: nothing in Python sees it."""
    socks: dict[int, Any] = {listener.fileno(): listener}
    while True:
        several = (ctypes.c_int64 * len(socks))(*(fd | select.POLLIN << 32 for fd in socks))
        LIBC.poll(several, len(socks), -1)
        for fd in [value & 0xFFFFFFFF for value in several if value >> 48 & 0xFFFF]:
            _serve_one(listener, socks, fd, lambda new: None, lambda old: None)


def hands_to_a_pool(listener: socket.socket) -> None:
    """One thread waits, two others read and answer, each socket by one of them at a time."""
    watched, socks, ready = select.epoll(), dict[int, Any](), queue.Queue[int]()

    def work() -> None:
        while True:
            fd = ready.get()
            if data := socks[fd].recv(4096):
                socks[fd].sendall(data)
                watched.modify(fd, select.EPOLLIN | select.EPOLLONESHOT)
            else:
                socks.pop(fd).close()

    for _ in range(2):
        threading.Thread(target=work, daemon=True).start()
    watched.register(listener, select.EPOLLIN)
    while True:
        for fd, _ in watched.poll():
            if fd == listener.fileno():
                client, _ = listener.accept()
                socks[client.fileno()] = client
                watched.register(client.fileno(), select.EPOLLIN | select.EPOLLONESHOT)
            else:
                ready.put(fd)


def misses_the_first_signal(listener: socket.socket) -> None:
    """As if it came between the look for signals and the poller's call, which then sleeps on."""
    ends = signal.getsignal(signal.SIGTERM)
    assert callable(ends)
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, ends))
    hands_to_a_pool(listener)
