"""The fuzz test's model of one client of an echo server: bytes sent, bytes read, and bytes still owed."""

import contextlib
import random

from iomux.system.sockets import Address
from tests.support.clients import DEADLINE, connect, receive, receive_all

POOL = random.Random(1).randbytes(1 << 22)


class Model:
    """One client, which is owed all bytes that it has sent and not yet read."""

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
        """Send as much as the kernel takes at once; only that counts as sent."""
        begin = self.start + self.sent
        self.sock.settimeout(0)  # with a timeout Python itself waits for room, in spite of MSG_DONTWAIT
        with contextlib.suppress(BlockingIOError):
            self.sent += self.sock.send(POOL[begin : begin + size])
        self.sock.settimeout(DEADLINE)

    def read(self, size: int) -> None:
        """Read some of the owed bytes, and compare them with what was sent."""
        owed = self.owed[:size]
        if owed:
            came = receive(self.sock, len(owed))
            self.got += len(owed)
            assert came == owed

    def read_to_the_end(self) -> None:
        """Read all owed bytes; then the stream must have ended after a half-close, and be silent otherwise."""
        if self.shut:
            owed, self.got = self.owed, self.sent
            assert receive_all(self.sock) == owed
        else:
            self.read(self.sent)
            self.sock.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                assert not self.sock.recv(1), "more came than was sent"
                raise AssertionError("the server has ended the stream, but this client has not")
