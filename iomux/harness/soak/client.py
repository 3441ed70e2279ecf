"""One client of a soak: it plays its scenario a step at a time, never blocks, and checks each byte.

It must read the content that it asked for, in order: no byte changed, lost or added. Of an echo, that is what it sent,
and the check is one comparison of what `recv` returned with a part of the pool, without a copy. A client that has
half-closed is owed all answers, and then the end of the stream. One that has reset or vanished is owed nothing.

Cost: one `recv` and one `send` for each group of messages that are sent at once.
"""

import errno
import os
import socket
from bisect import bisect_right

from iomux.harness.soak.connecting import begin_to_connect, is_connected
from iomux.harness.soak.dialogue import Dialogue
from iomux.harness.soak.scenario import (
    CLOSE,
    FAULTS,
    HALF_CLOSE,
    PIECES,
    RESET,
    SLOW,
    VANISH_SILENT,
    VANISH_UNREAD,
)
from iomux.harness.soak.tally import Failure, Tally
from iomux.system.sockets import reset

NOT_CONNECTED, NEVER_ANSWERED, STALLED = "not connected", "never answered", "stalled"
WRONG, TOO_MANY, CLOSED_EARLY = "wrong bytes", "too many bytes", "closed early"
LOST, RESET_BY_SERVER, STILL_OWED = "bytes lost", "reset by the server", "still owed"
_WAS_RESET = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)  # errors of recv(2), send(2) and shutdown(2) after a reset


class Failed(Exception):
    """The server did not send what it owes: the kind of failure, and what was seen."""


class SoakClient:
    """A connection, and its progress in its scenario."""

    def __init__(self, dialogue: Dialogue, address: tuple[str, int], tally: Tally) -> None:
        self.over = False
        self.blocked = True
        """Whether it waits until its socket is writable: at first, until it is connected."""
        self.send_at = self.read_at = 0.0
        """The times until which it pauses sending and reading."""
        self.sent = self.got = 0
        self._scenario, self._dialogue, self._tally = dialogue.scenario, dialogue, tally
        scenario = dialogue.scenario
        self._leave_at, self._piece = dialogue.scaled(scenario.leave_at), dialogue.scaled(scenario.piece)
        self._asked = dict(zip(scenario.ends, dialogue.asked, strict=True))
        self._think, self._send_pause, self._read_pause = scenario.think, scenario.send_pause, scenario.read_pause
        self._done = set[str]()  # the faults that it has injected so far
        self._wait_points = iter(scenario.wait_points)
        self._wait_point = next(self._wait_points)
        self._answered = 0
        self._connected = self._shut = False
        self._peer = address
        self.sock, self._connect_result = begin_to_connect(address)

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
        if not is_connected(self.sock, self._connect_result, self._peer):
            return False
        self._connected, self.blocked = True, False
        self._tally.connections += 1
        if self._scenario.leaving == VANISH_SILENT:
            self.read_at = self.send_at = now + self._read_pause
        return True

    def _read(self, now: float) -> None:
        scenario = self._scenario
        unread = scenario.leaving == VANISH_UNREAD and self.sent >= self._leave_at
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
        scenario, tally = self._scenario, self._tally
        try:
            data = self._dialogue.content(data)
        except ValueError as wrong:
            raise Failed(WRONG, f"then {wrong}") from None
        got, owed = self.got + len(data), self._dialogue.owed(self.sent)
        if got > owed:
            raise Failed(TOO_MANY, f"and then {got - owed:,} bytes more than it had asked for")
        if not self._dialogue.pool.startswith(data, scenario.offset + self.got):
            raise Failed(WRONG, self._difference(data))
        self.got = got
        tally.compared_bytes += len(data)
        answered = bisect_right(scenario.ends, got, self._answered)
        tally.requests += answered - self._answered
        self._answered = answered
        if got == scenario.total and scenario.leaving == CLOSE:
            self.leave(scenario.leaving)

    def _difference(self, data: bytes) -> str:
        begin, pool = self._scenario.offset + self.got, self._dialogue.pool
        at = next(at for at, byte in enumerate(data) if byte != pool[begin + at])
        return f"byte {self.got + at:,} was {pool[begin + at]:#04x} and came back as {data[at]:#04x}"

    def _end(self) -> None:
        if not self._shut:
            raise Failed(CLOSED_EARLY, "then the server closed, though the client had not")
        if (owed := self._dialogue.owed(self.sent)) > self.got:
            raise Failed(LOST, f"then the stream ended, {owed - self.got:,} bytes short")
        self.sock.close()
        self.over = True

    def _write(self, now: float) -> None:
        scenario = self._scenario
        self.blocked = False
        if self.got == self._wait_point < scenario.total:
            self._wait_point = next(self._wait_points)
            self.send_at = now + self._think
        if self.sent < self._asked[self._wait_point] and now >= self.send_at:
            self._send(now)
        if scenario.leaving == RESET and self.sent >= self._leave_at:
            self.leave(scenario.leaving)
        elif scenario.leaving == HALF_CLOSE and self.sent == len(self._dialogue.question) and not self._shut:
            self.sock.shutdown(socket.SHUT_WR)
            self._shut = True
            self._count_fault(scenario.leaving)

    def _send(self, now: float) -> None:
        until = self._asked[self._wait_point]
        stop = min(until, self.sent + self._piece)
        try:
            sent = self.sock.send(self._dialogue.question[self.sent : stop])
        except BlockingIOError:
            sent = 0
        self.sent += sent
        self._tally.sent_bytes += sent
        pauses = bool(self._send_pause) and stop == self.sent < until
        self.blocked = self.sent < until and not pauses
        if pauses:
            self._count_fault(PIECES)
            self.send_at = now + self._send_pause
