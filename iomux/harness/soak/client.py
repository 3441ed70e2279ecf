"""One client of a soak: it plays its scenario a step at a time, never blocks, and checks each byte.

It must read what it sent, in order: no byte changed, lost or added. The check is one comparison of what `recv`
returned with a part of the pool, without a copy. A client that has half-closed is owed all that it sent, and then the
end of the stream. One that has reset or vanished is owed nothing.

Cost: one `recv` and one `send` for each group of messages that are sent at once.
"""

import errno
import os
import socket
from bisect import bisect_right

from iomux.harness.soak.scenario import (
    CLOSE,
    FAULTS,
    HALF_CLOSE,
    PIECES,
    RESET,
    SLOW,
    VANISH_SILENT,
    VANISH_UNREAD,
    Scenario,
)
from iomux.harness.soak.tally import Failure, Tally
from iomux.system.sockets import family_of, reset

NOT_CONNECTED, NEVER_ANSWERED, STALLED = "not connected", "never answered", "stalled"
WRONG, TOO_MANY, CLOSED_EARLY = "wrong bytes", "too many bytes", "closed early"
LOST, RESET_BY_SERVER, STILL_OWED = "bytes lost", "reset by the server", "still owed"
_UNDER_WAY = (errno.EINPROGRESS, errno.EAGAIN)  # connect(2), EINPROGRESS
_WAS_RESET = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)  # errors of recv(2), send(2) and shutdown(2) after a reset


class Failed(Exception):
    """The server did not send what it owes: the kind of failure, and what was seen."""


class SoakClient:
    """A connection, and its progress in its scenario."""

    def __init__(self, scenario: Scenario, address: tuple[str, int], pool: bytes, tally: Tally) -> None:
        self.over = False
        self.blocked = True
        """Whether it waits until its socket is writable: at first, until it is connected."""
        self.send_at = self.read_at = 0.0
        """The times until which it pauses sending and reading."""
        self.sent = self.got = 0
        self._scenario, self._pool, self._view, self._tally = scenario, pool, memoryview(pool), tally
        self._think, self._send_pause, self._read_pause = scenario.think, scenario.send_pause, scenario.read_pause
        self._done = set[str]()  # the faults that it has injected so far
        self._wait_points = iter(scenario.wait_points)
        self._wait_point = next(self._wait_points)
        self._answered = 0
        self._connected = self._shut = False
        self._peer = address
        self.sock = socket.socket(family_of(address))
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connect_result = self.sock.connect_ex(address)

    def step(self, now: float) -> None:
        """Do all that can be done at `now`, in seconds. Raises Failed, and OSError if a call fails."""
        if not self._connected and not self._connect(now):
            return
        if now >= self.read_at:
            self._read(now)
        if not self.over and now >= self.send_at:
            self._write(now)

    def hurry(self) -> None:
        """Make no more pauses from now on."""
        self._think = self._send_pause = self._read_pause = 0.0

    def leave(self, how: str) -> None:
        """End the connection, without waiting for anything."""
        self._count_fault(how)
        if how == RESET:
            reset(self.sock)
        self.sock.close()
        self.over = True

    def silence(self, seconds: float) -> Failed:
        """The failure of a server that has done nothing for `seconds`."""
        if not self._connected:
            return Failed(NOT_CONNECTED, f"no connection was made within {seconds:g} s")
        if not self.got:
            return Failed(NEVER_ANSWERED, f"nothing came within {seconds:g} s")
        return Failed(STALLED, f"then nothing came for {seconds:g} s")

    def failure(self, error: Exception) -> Failure:
        """What went wrong, as the report says it."""
        if isinstance(error, Failed):
            kind, seen = error.args
        elif (number := getattr(error, "errno", 0) or 0) in _WAS_RESET:
            kind, seen = RESET_BY_SERVER, "then the server reset the connection"
        else:
            kind, seen = NOT_CONNECTED, os.strerror(number)
        return Failure(self._scenario.number, self._scenario.leaving, kind, self.sent, self.got, seen)

    def _count_fault(self, fault: str) -> None:
        if fault in FAULTS and fault not in self._done:
            self._done.add(fault)
            self._tally.faults[fault] += 1

    def _connect(self, now: float) -> bool:
        failed = 0 if self._connect_result in _UNDER_WAY else self._connect_result
        if number := failed or self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(number, os.strerror(number))
        try:
            self.sock.getpeername()
        except OSError as error:
            if error.errno == errno.ENOTCONN:
                return False
            raise
        if self.sock.getsockname()[1] == self._peer[1]:  # nothing listens, and the kernel gave us that very port
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        self._connected, self.blocked = True, False
        self._tally.connections += 1
        if self._scenario.leaving == VANISH_SILENT:
            self.read_at = self.send_at = now + self._read_pause
        return True

    def _read(self, now: float) -> None:
        scenario = self._scenario
        unread = scenario.leaving == VANISH_UNREAD and self.sent >= scenario.leave_at
        try:
            data = self.sock.recv(1, socket.MSG_PEEK) if unread else self.sock.recv(scenario.most_read)
        except BlockingIOError:
            if scenario.leaving == VANISH_SILENT:
                self.leave(scenario.leaving)
            return
        if not data:
            self._end()
        elif unread:
            self.leave(scenario.leaving)
        else:
            self._take(data)
            if self._read_pause and not self.over:
                self._count_fault(SLOW)
                self.read_at = now + self._read_pause

    def _take(self, data: bytes) -> None:
        scenario, tally, got = self._scenario, self._tally, self.got + len(data)
        if got > self.sent:
            raise Failed(TOO_MANY, f"and then {got - self.sent:,} bytes more than it had sent")
        if not self._pool.startswith(data, scenario.offset + self.got):
            raise Failed(WRONG, self._difference(data))
        self.got = got
        tally.compared_bytes += len(data)
        answered = bisect_right(scenario.ends, got, self._answered)
        tally.requests += answered - self._answered
        self._answered = answered
        if got == scenario.total and scenario.leaving == CLOSE:
            self.leave(scenario.leaving)

    def _difference(self, data: bytes) -> str:
        begin = self._scenario.offset + self.got
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
        scenario = self._scenario
        self.blocked = False
        if self.got == self._wait_point < scenario.total:
            self._wait_point = next(self._wait_points)
            self.send_at = now + self._think
        if self.sent < self._wait_point and now >= self.send_at:
            self._send(now)
        if scenario.leaving == RESET and self.sent >= scenario.leave_at:
            self.leave(scenario.leaving)
        elif scenario.leaving == HALF_CLOSE and self.sent == scenario.total and not self._shut:
            self.sock.shutdown(socket.SHUT_WR)
            self._shut = True
            self._count_fault(scenario.leaving)

    def _send(self, now: float) -> None:
        begin, stop = self._scenario.offset, min(self._wait_point, self.sent + self._scenario.piece)
        try:
            sent = self.sock.send(self._view[begin + self.sent : begin + stop])
        except BlockingIOError:
            sent = 0
        self.sent += sent
        self._tally.sent_bytes += sent
        self.blocked = self.sent < stop
        if self._send_pause and not self.blocked and self.sent < self._wait_point:
            self._count_fault(PIECES)
            self.send_at = now + self._send_pause
