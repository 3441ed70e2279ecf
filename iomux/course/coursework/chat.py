"""A model solution of assignment (c): a chat room in which a slow reader harms only itself.

What one member says goes to all others. An echo server can stop reading from whom it owes too much; here that would be
the wrong one, who speaks, and with it everybody would wait. So the room keeps up to a mebibyte for a member
that does not read, and then lets it go. That bounds the memory, and nobody waits for anybody.

Cost: one `send` a listener for each piece that is said, and the owed bytes.
"""

import select
import socket
from typing import NoReturn

from iomux.course.coursework.starter import accept_waiting
from iomux.servers.connection import CHUNK_BYTES, READ, WRITE
from iomux.system.sockets import RETRY_SECONDS

MOST_OWED_BYTES = 1 << 20
"""What is kept for a member that does not read; with more it is let go."""


class Room:
    """The members, what each is still owed, and the poller that tells who is ready."""

    def __init__(self) -> None:
        self.poller = select.poll()
        self.members: dict[int, socket.socket] = {}
        self.owed: dict[int, bytearray] = {}

    def enter(self, member: socket.socket) -> None:
        """One more."""
        fd = member.fileno()
        self.members[fd], self.owed[fd] = member, bytearray()
        self.poller.register(fd, READ)

    def leave(self, fd: int) -> None:
        """One less."""
        self.poller.unregister(fd)
        del self.owed[fd]
        self.members.pop(fd).close()

    def hear(self, fd: int) -> None:
        """Pass on what a member says; its last word, or a reset, ends its membership."""
        try:
            said = self.members[fd].recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            self.leave(fd)
            return
        for other in [other for other in self.members if other != fd]:  # a copy: members may leave meanwhile
            self.owed[other] += said
            self.pay(other)

    def pay(self, fd: int) -> None:
        """Send a member what it is owed, as far as the kernel takes it; let it go if too much is left."""
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
                room.pay(fd)
            if event & ~WRITE and fd in room.members:  # POLLHUP and POLLERR too: recv says what it is
                room.hear(fd)
