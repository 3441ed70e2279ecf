"""Right chat rooms that are built in other ways: tasks of asyncio, and two threads for each member."""

import asyncio
import contextlib
import socket
import threading
from collections import deque

MOST = 1 << 20


def serve_by_tasks(listener: socket.socket) -> None:
    asyncio.run(_run(listener))


async def _run(listener: socket.socket) -> None:
    members: set[asyncio.StreamWriter] = set()

    async def member(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        members.add(writer)
        with contextlib.suppress(OSError):
            while said := await reader.read(65536):
                for other in members - {writer}:
                    other.write(said)
                    if other.transport.get_write_buffer_size() > MOST:
                        members.discard(other)
                        other.transport.abort()
        members.discard(writer)
        writer.close()

    _ = await asyncio.start_server(member, sock=listener)
    await (
        asyncio.get_running_loop().create_future()
    )  # `serve_forever` would wait, at Ctrl-C, until all have left (3.12)


class Member:
    """A member, what it is owed, and the two threads that read and write for it."""

    def __init__(self, sock: socket.socket, room: "Room") -> None:
        self.sock, self.room = sock, room
        self.owed, self.size, self.changed, self.gone = deque[bytes](), 0, threading.Condition(), False
        for work in (self.hear, self.pay):
            threading.Thread(target=work, daemon=True).start()

    def hear(self) -> None:
        with contextlib.suppress(OSError):
            while said := self.sock.recv(65536):
                self.room.say(self, said)
        self.leave()

    def owe(self, said: bytes) -> None:
        with self.changed:
            self.owed.append(said)
            self.size += len(said)
            self.changed.notify()
        if self.size > MOST:
            self.leave()

    def pay(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                with self.changed:
                    self.changed.wait_for(lambda: self.owed or self.gone)
                    if self.gone:
                        break
                    said = self.owed.popleft()
                self.sock.sendall(said)
                with self.changed:
                    self.size -= len(said)
        self.sock.close()

    def leave(self) -> None:
        self.room.members.pop(self, None)
        with self.changed, contextlib.suppress(OSError):
            self.gone = True
            self.changed.notify()
            self.sock.shutdown(socket.SHUT_RDWR)  # both threads come back from their calls


class Room:
    """All members, in the order in which they have joined."""

    def __init__(self) -> None:
        self.members: dict[Member, bool] = {}

    def say(self, speaker: Member, said: bytes) -> None:
        for other in list(self.members):
            if other is not speaker:
                other.owe(said)


def serve_by_threads(listener: socket.socket) -> None:
    room = Room()
    while True:
        try:
            sock = listener.accept()[0]
        except OSError:
            threading.Event().wait(0.05)
            continue
        room.members[Member(sock, room)] = True
