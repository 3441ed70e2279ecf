"""One client of a readiness loop that speaks a protocol: the calls on its socket, none of which waits.

A `Speaker` stands in the place of a `Connection`: the loop calls `advance` and looks at `interest`. What to read and
what to send is decided by its `Conversation`. A turn reads once or sends once, so nobody waits for long.

Cost: two system calls for each request, a call of the clock, and a comparison with the client's deadline.
"""

import socket
from functools import partial
from time import monotonic
from typing import Protocol

from iomux.servers.protocol import Speaks
from iomux.servers.protocol.conversation import Conversation
from iomux.servers.protocol.deadlines import Deadlines
from iomux.servers.protocol.interest import READ, WRITE, Piece
from iomux.servers.protocol.parting import part

READ_BYTES = 64 * 1024
"""Most bytes read from one client in one turn."""


class Company(Protocol):
    """What a speaker needs of the others on its loop (`iomux.servers.protocol.speakers`)."""

    speaks: Speaks
    deadlines: Deadlines
    woken: list["Speaker"]

    def send_what_was_said(self) -> None:
        """Send each client what was said to it."""

    def forget(self, speaker: "Speaker") -> None:
        """A client is gone."""


class Speaker:
    """One client: `advance` makes the calls that do not wait, `interest` says what to wait for next."""

    def __init__(self, sock: socket.socket, company: Company) -> None:
        self.sock = sock
        """The client's nonblocking socket."""
        self.fd = sock.fileno()
        self.interest = READ
        """What the loop waits for: READ, WRITE, both, or OVER when the connection should be closed."""
        self.drained = False
        """Set when there is nothing to do until something new happens; for edge-triggered loops, which reset it."""
        self.since = monotonic()
        """When it was last heard."""
        self._company = company
        self._recv, self._send = sock.recv, sock.send
        shut = partial(sock.shutdown, socket.SHUT_WR)
        self.talk = Conversation(company.speaks.factory, self.since, shut, self._wake, company.speaks.limits)
        """Its conversation."""
        self._looked_at = company.deadlines.looked_at
        company.deadlines.note(self.fd, self.talk.due)

    def advance(self) -> bool:
        """Send once, or if there is nothing to send read once and answer; return whether `interest` has changed."""
        talk = self.talk
        if talk.interest != READ and not self._reads_too():
            return self.settle()
        now = monotonic()
        try:
            data = self._recv(READ_BYTES)
        except BlockingIOError:
            self.drained = True
            return self.settle()
        except OSError:  # reset, or timed out: only this client is lost
            talk.drop()
            return self.settle()
        self.since = now
        if piece := talk.received(data, now):
            self._send_once(piece, now)
        if talk.interest == READ == self.interest and talk.due >= self._looked_at[self.fd] and not self._company.woken:
            return False  # nearly always
        return self.settle()

    def push(self) -> bool:
        """Send once, if there is something to send; return whether all of that went."""
        if not self.talk.interest & WRITE:
            return True
        now = monotonic()
        return self._send_once(self.talk.take(now), now)

    def settle(self) -> bool:
        """What follows a turn: others are told what it said, and the loop when to look; return as `advance`."""
        if self._company.woken:
            self._company.send_what_was_said()
        self._company.deadlines.note(self.fd, self.talk.due)
        before, self.interest = self.interest, self.talk.interest
        return self.interest != before

    def close(self) -> None:
        """Close the socket; then the protocol is told."""
        part(self.sock, self.talk)
        self._company.forget(self)
        self.talk.close()

    def _wake(self) -> None:
        self._company.woken.append(self)

    def _reads_too(self) -> bool:
        """Send what there is to send; return whether to read in the same turn, because nothing more could be sent."""
        return not self.push() and bool(self.talk.interest & READ)

    def _send_once(self, piece: Piece, now: float) -> bool:
        if not piece:
            return True
        size = 0
        try:
            size = self._send(piece, self.talk.flags)
        except BlockingIOError:
            pass
        except OSError:
            self.talk.drop()
            return True
        self.talk.sent(size, now)
        if size == len(piece):
            return True
        self.drained = self.talk.interest == WRITE  # its next edge is EPOLLOUT
        return False
