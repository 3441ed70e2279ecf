"""A model solution of assignment (c): a chat room in which a slow reader harms only itself.

What one member sends goes to all others. An echo server can stop reading from a client that it owes too much. Here the
server would stop reading from the sender, which is not the slow one, and all members would wait. So the room keeps up
to a mebibyte for a member that does not read, and then closes its connection: memory is bounded, and no member waits.

Cost: one `send` per other member for each piece that is received, and the memory of the owed bytes.
"""

import select
import socket
from typing import NoReturn

from iomux.course.coursework.starter import accept_waiting
from iomux.servers.connection import CHUNK_BYTES, READ, WRITE
from iomux.system.sockets import RETRY_SECONDS

MOST_OWED_BYTES = 1 << 20
"""How much is kept for a member that does not read; its connection is closed when more is owed."""


class Room:
    """The members, the bytes that each is still owed, and the poller that reports which are ready."""

    def __init__(self) -> None:
        self.poller = select.poll()
        self.members: dict[int, socket.socket] = {}
        self.owed: dict[int, bytearray] = {}

    def enter(self, member: socket.socket) -> None:
        """Add a member."""
        fd = member.fileno()
        self.members[fd], self.owed[fd] = member, bytearray()
        self.poller.register(fd, READ)

    def leave(self, fd: int) -> None:
        """Remove a member and close its connection."""
        self.poller.unregister(fd)
        del self.owed[fd]
        self.members.pop(fd).close()

    def receive(self, fd: int) -> None:
        """Pass on what a member sends; the end of its stream, or a reset, removes the member."""
        try:
            data = self.members[fd].recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.leave(fd)
            return
        for other in [other for other in self.members if other != fd]:  # a copy: members may leave meanwhile
            self.owed[other] += data
            self.send_owed(other)

    def send_owed(self, fd: int) -> None:
        """Send a member what it is owed, as far as the kernel takes it; remove the member if too much is left."""
        owed = self.owed[fd]
        lost = False
        try:
            del owed[: self.members[fd].send(owed)]
        except BlockingIOError:
            pass
        except OSError:
            lost = True
        if lost or len(owed) > MOST_OWED_BYTES:
            self.leave(fd)
        else:
            self.poller.modify(fd, READ | WRITE if owed else READ)


def serve_chat(listener: socket.socket) -> NoReturn:
    """(c) A chat room for every client of `listener`, in one thread that sleeps in poll(2). Never returns."""
    listener.setblocking(False)
    room, door, short = Room(), listener.fileno(), False
    while True:
        room.poller.register(door, 0 if short else READ)
        ready = room.poller.poll(RETRY_SECONDS * 1000 if short else None)
        short = False
        for fd, event in ready:
            if fd == door:
                came, short = accept_waiting(listener)
                for member in came:
                    room.enter(member)
                continue
            if event & WRITE and fd in room.members:
                room.send_owed(fd)
            if event & ~WRITE and fd in room.members:  # POLLHUP and POLLERR too: recv returns the reason
                room.receive(fd)
