"""One client of a soak: does its errand a step at a time, never waits, and accounts for each byte.

What it reads must be what it sent, in order: no byte changed, none lost, none too many. Whether it is, is one
comparison of what `recv` returned with a stretch of the pool, without a copy. When it has half-closed it is owed
all that it sent and then the end of the stream. Having reset or vanished, it is owed nothing.

Cost: one `recv` and one `send` for as many messages as are sent at once.
"""

import errno
import os
import socket
from bisect import bisect_right

from iomux.harness.soak import scenario
from iomux.harness.soak.scenario import Errand
from iomux.harness.soak.tally import Failure, Tally
from iomux.system.sockets import reset

NOT_CONNECTED, NEVER_ANSWERED, STALLED = "not connected", "never answered", "stalled"
WRONG, TOO_MANY, CLOSED_EARLY = "wrong bytes", "too many bytes", "closed early"
LOST, RESET_BY_SERVER, STILL_OWED = "bytes lost", "reset by the server", "still owed"
_UNDER_WAY = (errno.EINPROGRESS, errno.EAGAIN)  # connect(2), EINPROGRESS
_WAS_RESET = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)  # what recv(2), send(2) and shutdown(2) say after a reset


class Failed(Exception):
    """The server did not give what it owes: the kind of failure, and what was seen."""


class SoakClient:
    """A connection, and how far its errand has come."""

    def __init__(self, errand: Errand, address: tuple[str, int], pool: bytes, tally: Tally) -> None:
        self.over = False
        self.blocked = True
        """Whether it waits until it can write: at first, until it is connected."""
        self.send_at = self.read_at = 0.0
        """It pauses until then."""
        self.sent = self.got = 0
        self._errand, self._pool, self._view, self._tally = errand, pool, memoryview(pool), tally
        self._think, self._send_pause, self._read_pause = errand.think, errand.send_pause, errand.read_pause
        self._done = set[str]()  # the faults that it has been guilty of
        self._goals = iter(errand.goals)
        self._goal = next(self._goals)
        self._answered = 0
        self._connected = self._shut = False
        self._peer = address
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._said = self.sock.connect_ex(address)

    def step(self, now: float) -> None:
        """Do all that can be done at `now`, in seconds. Raises Failed, and OSError where the kernel says no."""
        if not self._connected and not self._connect(now):
            return
        if now >= self.read_at:
            self._read(now)
        if not self.over and now >= self.send_at:
            self._write(now)

    def hurry(self) -> None:
        """Make no more pauses."""
        self._think = self._send_pause = self._read_pause = 0.0

    def leave(self, how: str) -> None:
        """End the connection, without waiting for anything."""
        self._note(how)
        if how == scenario.RESET:
            reset(self.sock)
        self.sock.close()
        self.over = True

    def silence(self, seconds: float) -> Failed:
        """What is wrong when the server has done nothing for so many seconds."""
        if not self._connected:
            return Failed(NOT_CONNECTED, f"no connection came about within {seconds:g} s")
        if not self.got:
            return Failed(NEVER_ANSWERED, f"nothing came within {seconds:g} s")
        return Failed(STALLED, f"then nothing came for {seconds:g} s")

    def failure(self, error: Exception) -> Failure:
        """What went wrong, in the words of the report."""
        if isinstance(error, Failed):
            kind, seen = error.args
        elif (number := getattr(error, "errno", 0) or 0) in _WAS_RESET:
            kind, seen = RESET_BY_SERVER, "then the server reset the connection"
        else:
            kind, seen = NOT_CONNECTED, os.strerror(number)
        return Failure(self._errand.number, self._errand.leaving, kind, self.sent, self.got, seen)

    def _note(self, fault: str) -> None:
        if fault in scenario.FAULTS and fault not in self._done:
            self._done.add(fault)
            self._tally.faults[fault] += 1

    def _connect(self, now: float) -> bool:
        said = 0 if self._said in _UNDER_WAY else self._said
        if number := said or self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(number, os.strerror(number))
        try:
            self.sock.getpeername()
        except OSError as error:
            if error.errno == errno.ENOTCONN:
                return False
            raise
        if self.sock.getsockname()[1] == self._peer[1]:  # nobody listens, and the kernel gave us that very port
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        self._connected, self.blocked = True, False
        self._tally.connections += 1
        if self._errand.leaving == scenario.VANISH_SILENT:
            self.read_at = self.send_at = now + self._read_pause
        return True

    def _read(self, now: float) -> None:
        errand = self._errand
        unread = errand.leaving == scenario.VANISH_UNREAD and self.sent >= errand.leave_at
        try:
            data = self.sock.recv(1, socket.MSG_PEEK) if unread else self.sock.recv(errand.gulp)
        except BlockingIOError:
            if errand.leaving == scenario.VANISH_SILENT:
                self.leave(errand.leaving)
            return
        if not data:
            self._end()
        elif unread:
            self.leave(errand.leaving)
        else:
            self._take(data)
            if self._read_pause and not self.over:
                self._note(scenario.SLOW)
                self.read_at = now + self._read_pause

    def _take(self, data: bytes) -> None:
        errand, tally, got = self._errand, self._tally, self.got + len(data)
        if got > self.sent:
            raise Failed(TOO_MANY, f"and then {got - self.sent:,} bytes more than it had sent")
        if not self._pool.startswith(data, errand.offset + self.got):
            raise Failed(WRONG, self._difference(data))
        self.got = got
        tally.compared_bytes += len(data)
        answered = bisect_right(errand.ends, got, self._answered)
        tally.requests += answered - self._answered
        self._answered = answered
        if got == errand.total and errand.leaving == scenario.CLOSE:
            self.leave(errand.leaving)

    def _difference(self, data: bytes) -> str:
        begin = self._errand.offset + self.got
        at = next(at for at, byte in enumerate(data) if byte != self._pool[begin + at])
        return f"byte {self.got + at:,} was {self._pool[begin + at]:#04x} and came back as {data[at]:#04x}"

    def _end(self) -> None:
        if not self._shut:
            raise Failed(CLOSED_EARLY, "then the server closed, though the client had not")
        if self.got < self.sent:
            raise Failed(LOST, f"then the stream ended, {self.sent - self.got:,} bytes short")
        self.sock.close()
        self.over = True

    def _write(self, now: float) -> None:
        errand = self._errand
        self.blocked = False
        if self.got == self._goal < errand.total:
            self._goal = next(self._goals)
            self.send_at = now + self._think
        if self.sent < self._goal and now >= self.send_at:
            self._send(now)
        if errand.leaving == scenario.RESET and self.sent >= errand.leave_at:
            self.leave(errand.leaving)
        elif errand.leaving == scenario.HALF_CLOSE and self.sent == errand.total and not self._shut:
            self.sock.shutdown(socket.SHUT_WR)
            self._shut = True
            self._note(errand.leaving)

    def _send(self, now: float) -> None:
        begin, stop = self._errand.offset, min(self._goal, self.sent + self._errand.piece)
        try:
            sent = self.sock.send(self._view[begin + self.sent : begin + stop])
        except BlockingIOError:
            sent = 0
        self.sent += sent
        self._tally.sent_bytes += sent
        self.blocked = self.sent < stop
        if self._send_pause and not self.blocked and self.sent < self._goal:
            self._note(scenario.PIECES)
            self.send_at = now + self._send_pause
