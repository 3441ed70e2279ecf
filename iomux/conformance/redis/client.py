"""A connected client of a store under test: what it sends, and one whole reply after the other.

A reply is read to its own end, so that one that is wrong is seen as a whole, and what follows it is not mixed up with
it. A deadline is on progress: each call of the kernel has its time, and a server that is still at work has more.
"""

import contextlib
import socket
import time

from iomux.conformance.redis.wire import CRLF, NotAReply, end_of_reply
from iomux.conformance.trial.clients import CLOSED, MIB, RESET
from iomux.conformance.trial.patience import at_work, ready
from iomux.conformance.trial.subject import Fault, Subject

_MOST_SECONDS = 40.0
BEHIND = "behind the answer to the command before, more bytes came"


class Client:
    """A connected client, and what has come and was not asked for yet."""

    def __init__(self, connected: socket.socket, subject: Subject) -> None:
        self.socket = connected
        self.how = ""
        """Why no further reply came."""
        self._came, self._subject, self._answered = bytearray(), subject, False

    def send(self, data: bytes) -> None:
        """Send all of it; if the store ends the connection meanwhile, its reply says why."""
        rest, until = memoryview(data), time.monotonic() + _MOST_SECONDS
        with contextlib.suppress(ConnectionError):
            while rest:
                try:
                    rest = rest[self.socket.send(rest) :]
                    until = time.monotonic() + _MOST_SECONDS
                except TimeoutError:
                    if time.monotonic() > until or not at_work(self._subject):
                        raise Fault("a client could not send: the server did not read its bytes") from None

    def reply(self) -> bytes:
        """One whole reply; or, if none comes or it is none, what has come, and `how` says why."""
        with contextlib.suppress(NotAReply):
            while not (end := end_of_reply(self._came)):
                if not self._more():
                    break
            else:
                reply, self._answered = bytes(self._came[:end]), True
                del self._came[:end]
                return reply
            return self._rest()
        self.how = BEHIND if self._came.startswith(CRLF) and self._answered else "that is no reply"
        return self._rest()

    def ended(self) -> bool:
        """Whether the end of the stream is what comes next."""
        return not self._came and not self._more() and self.how in (CLOSED, RESET)

    def ending(self) -> str:
        """`how` in a sentence: whether it is an end or a reset depends on what was unread at that moment (tcp(7))."""
        return "the server ended the connection" if self.how in (CLOSED, RESET) else self.how

    def _rest(self) -> bytes:
        rest = bytes(self._came)
        self._came.clear()
        return rest

    def _more(self) -> bool:
        """Whether more has come. A server that is still at work is waited for: this machine may be busy, or it slow."""
        until = time.monotonic() + _MOST_SECONDS
        try:
            while not ready([self.socket], seconds=self.socket.gettimeout())[0]:
                if time.monotonic() > until or not at_work(self._subject):
                    raise TimeoutError
            piece = self.socket.recv(MIB)
        except TimeoutError:
            self.how = "nothing more came"
        except ConnectionError:
            self.how = RESET
        else:
            self.how = "" if piece else CLOSED
            self._came += piece
        return not self.how
