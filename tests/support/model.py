"""The fuzz's model of one client's conversation with an echo server: what it has sent, has read and is still owed."""

import contextlib
import random

from iomux.system.sockets import Address
from tests.support.clients import DEADLINE, connect, receive, receive_all

POOL = random.Random(1).randbytes(1 << 22)


class Model:
    """One client, and what it is owed: what it has sent and not yet read."""

    def __init__(self, address: Address, start: int) -> None:
        self.sock = connect(address)
        self.start = start
        self.sent = self.got = 0
        self.shut = False

    @property
    def owed(self) -> bytes:
        """The bytes that are still to come."""
        return POOL[self.start + self.got : self.start + self.sent]

    def send(self, size: int) -> None:
        """Send as much as the kernel takes at once; that counts as sent."""
        begin = self.start + self.sent
        self.sock.settimeout(0)  # with a timeout Python waits for room itself, whatever MSG_DONTWAIT says
        with contextlib.suppress(BlockingIOError):
            self.sent += self.sock.send(POOL[begin : begin + size])
        self.sock.settimeout(DEADLINE)

    def read(self, size: int) -> None:
        """Read some of what is owed: it must be what was sent next."""
        owed = self.owed[:size]
        if owed:
            came = receive(self.sock, len(owed))
            self.got += len(owed)
            assert came == owed

    def read_to_the_end(self) -> None:
        """Everything that is owed, and then, after a half-close, the end of the stream; else nothing more."""
        if self.shut:
            owed, self.got = self.owed, self.sent
            assert receive_all(self.sock) == owed
        else:
            self.read(self.sent)
            self.sock.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                assert not self.sock.recv(1), "more came than was sent"
                raise AssertionError("the stream has ended, and this client had not")
