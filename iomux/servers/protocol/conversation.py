"""One client's conversation, without its socket: what every server that carries a protocol object has to keep.

A *carrier* moves the bytes: a loop over readiness, a thread, a transport, a ring. It asks `interest` what to do next:
READ, WRITE, both, or OVER. Only if READ is in it, it reads, and passes what arrived to `received`; what that returns,
or `take` while WRITE is in it, is to be sent now; `sent` says how much of it went. At `due` it calls `late`. However
the client goes, it calls `close`, once the socket is closed. Everything else is decided here:

- Replies are taken lazily, a budget of them in a turn. There is interest in writing as long as replies are left, also
  while nothing is owed: the kernel may take all at once.
- Once the replies of a protocol that is `over` are sent, the sending direction is shut down, and what the client still
  sends is thrown away for a while (RFC 9112, section 9.6); a client that has ended too, or wanted that, is closed.
- A client that takes nothing of what it is owed for a time is dropped.
- A protocol's clock stands while its client takes replies: its `due` is later by that time.

One thread at a time uses the conversations of a factory. Bytes that were given out are never changed: a thread or the
kernel can send them meanwhile. Cost: two calls for each read, if the reply is in one piece.
"""

import contextlib

from iomux.servers.protocol import AT_ONCE, LIMITS, NEVER, Limits, NewClient, Replies
from iomux.servers.protocol.interest import OVER, READ, WITH_THE_END, WRITE, Call, Piece, log_error
from iomux.servers.protocol.pending import Pending


class Conversation:
    """The protocol object of one client, its replies, and what it is owed.

    now: seconds of time.monotonic(). shut: shuts down the socket's sending direction; called once at most. wake: called
    when bytes were said to this client, and `interest` may have changed. Raises what the factory raises.

    Example:
    >>> from iomux.servers.protocol.conversation import NEVER, Conversation
    >>> class Shout:
    ...     over, due, idle, gone = False, NEVER, True, print
    ...     feed = lambda self, data, now: data.upper()
    >>> talk = Conversation(lambda now, say: Shout(), now=0.0, shut=lambda: None, wake=lambda: None)
    >>> talk.received(b"hello", now=1.0)
    b'HELLO'
    """

    def __init__(self, factory: NewClient, now: float, shut: Call, wake: Call, limits: Limits = LIMITS) -> None:
        self.interest = READ
        """What to do next: READ, WRITE, both, or OVER when the socket is to be closed."""
        self.stalled = False
        """Whether it was dropped because it does not take what it is owed: a carrier then resets it (`parting`)."""
        self.flags = 0
        """How to send what was given out last (send(2)): after the last bytes of all the end follows at once."""
        self._limits, self._shut, self._wake = limits, shut, wake
        self._current: Piece = b""  # being sent
        self._pending = Pending()
        self._busy = self._ended = self._lingering = self._closed = False  # busy: not just waiting for a request
        self._busy_since: float | None = None
        self._paused, self._thrown_away, self._warned = 0.0, 0, False
        self._protocol = factory(now, self._say)
        self._feed = self._protocol.feed
        self.due = self._protocol.due
        """When `late` is to be called; read it after each call."""

    @property
    def idle(self) -> bool:
        """Whether nothing is lost if this client is let go now."""
        return not self._busy and self._protocol.idle

    def received(self, data: bytes, now: float) -> Piece:
        """Take what arrived, nothing at the end of the stream; return what is to be sent now."""
        if self._lingering:
            return self._throw_away(data)
        try:
            replies = self._feed(data, now)
        except Exception:  # a protocol's error ends only its client, and is logged
            return self._fail()
        self.due, self._paused = self._protocol.due, 0.0
        if type(replies) is bytes and data and not self._busy:  # nearly always
            self._current = replies
            if self._protocol.over:
                self._settle(now)
            return replies
        self._ended = not data
        return self._begin(replies, now)

    def sent(self, size: int, now: float) -> None:
        """So many of the bytes that were given out last have been sent."""
        if size == len(self._current) and not self._busy:  # nearly always
            self._current = b""
            return
        self._current = memoryview(self._current)[size:] if size < len(self._current) else b""
        self._settle(now, progress=size > 0)

    def take(self, now: float) -> Piece:
        """What is to be sent now: the rest of the last bytes, or of the replies as many as a turn has."""
        if not self._current:
            try:
                self._current = self._pending.take(self._limits)
            except Exception:
                return self._fail()
        self._settle(now)
        return self._current

    def late(self, now: float) -> Piece:
        """`due` has come: drop a client that stalls or lingers, else tell the protocol; return what is to be sent."""
        if self._lingering or self._busy_since is not None:
            self.stalled = not self._lingering and bool(self._current or self._pending.size or self._warned)
            if self.stalled or self._lingering:
                self.drop()
            else:  # it took all so far: perhaps it is the server that is late, so only the second time counts
                self._warned, self.due = True, now + self._limits.stall_seconds
            return b""
        try:
            replies = self._protocol.late(now)
        except Exception:
            return self._fail()
        self._paused = 0.0
        return self._begin(replies, now)

    def drop(self) -> None:
        """End it without a goodbye: the connection is lost, or the client is let go."""
        self.interest, self.due = OVER, NEVER

    def close(self) -> None:
        """The client is gone: close the replies that are left, tell the protocol. Does nothing the second time."""
        if self._closed:
            return
        self._closed = True
        self.drop()
        self._pending.close()
        try:
            self._protocol.gone()
        except Exception:
            log_error()
        del self._protocol, self._feed, self._wake  # they refer to us, and what refers to itself is freed late

    def _begin(self, replies: Replies, now: float) -> Piece:
        """Remember replies that are not simply sent; return what is to be sent now."""
        try:
            self._pending.add(replies)
        except TypeError:
            return self._fail()
        return self.take(now)

    def _say(self, data: bytes) -> None:
        if self.interest == OVER or self._lingering:
            return
        if not self._pending.say(data, self._limits.said_bytes):
            self.stalled = True
            self.drop()
        elif self._pending.replies_left:
            return  # it is busy, and will come to that
        else:
            self._busy, self.interest = True, self.interest | WRITE
        self._wake()

    def _settle(self, now: float, progress: bool = False) -> None:
        """Decide what to do next, now that something was taken or sent."""
        owed = len(self._current) + self._pending.size
        if self.interest == OVER:
            return
        if owed or self._pending.replies_left:
            self._be_busy(now, owed, progress)
        elif self._ended:
            self.drop()
        elif over := self._protocol.over:
            self._linger(now) if over != AT_ONCE else self.drop()
        else:
            self._be_ready(now)

    def _be_busy(self, now: float, owed: int, progress: bool) -> None:
        if self._busy_since is None:
            self._busy_since, progress = now, True
        if progress:
            self._warned, self.due = False, now + self._limits.stall_seconds
        more, ends = self._pending.replies_left, self._ended or bool(self._protocol.over)
        self.interest = WRITE if more or ends or owed >= self._limits.high_water_bytes else READ | WRITE
        self.flags = WITH_THE_END if ends and not more and owed == len(self._current) else 0
        self._busy = True

    def _be_ready(self, now: float) -> None:
        if self._busy_since is not None:
            self._paused += now - self._busy_since
        self._busy, self._busy_since, self.interest = False, None, READ
        self.due = self._protocol.due + self._paused

    def _linger(self, now: float) -> None:
        if not self._lingering:
            self._lingering = self._busy = True
            self.interest, self.due = READ, now + self._limits.linger_seconds
            with contextlib.suppress(OSError):  # it has left already: the next read tells
                self._shut()

    def _throw_away(self, data: bytes) -> bytes:
        self._thrown_away += len(data)
        if not data or self._thrown_away > self._limits.linger_bytes:
            self.drop()
        return b""

    def _fail(self) -> bytes:
        log_error()
        self.drop()
        return b""
