"""A protocol for each client: an object that gets the bytes that arrived, and gives the replies, and never does I/O.

A handler maps bytes to bytes without a memory. HTTP and RESP need one: a request comes in pieces, several come at
once, a reply is a file of gigabytes, and a client that says nothing for a minute is let go. So a *protocol object* is
made for each client (sans-IO: it is fed bytes and asked for bytes, and has no socket), and any server can carry it.

What the server that carries it promises:

- Replies are taken *lazily*. Above the high-water mark no further reply is taken, and as long as replies are left
  nothing more is read from the client and `feed` is not called: a few bytes that ask for gigabytes cost no memory.
- A turn has a budget: only so many replies are taken before the other clients have theirs.
- An iterator of replies that is not used up is closed (`close()`), whatever happens to the client, and `gone` is called
  once: a reply that has a file open can close it.
- `over` ends in stages (RFC 9112, section 9.6): all replies are sent, then the sending direction is shut down, what
  the client still sends is read and thrown away for a while, and then the socket is closed. A close with unread bytes
  would be a reset, which destroys the reply on its way. With `AT_ONCE` the socket is closed once the replies are sent:
  the client has asked for the end itself, and nothing that it sent is left.
- After the client's end of stream the replies that are owed are still sent, and then the connection is closed.
- A client that takes nothing of what it is owed for a while is dropped (`Limits`), by a reset: else the kernel would
  keep for minutes what it does not read.
- Time is passed in, in seconds of time.monotonic(): a protocol reads no clock. Its own stands while its client takes
  replies: `late` is not called meanwhile, and `due` is later by that time.

Cost: one object for each client, and one call for each read.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, TypeAlias

Replies: TypeAlias = bytes | Iterator[bytes]
"""All replies in one piece (empty: none yet), which is quickest, or one after the other, each made when it is taken."""
Say = Callable[[bytes], None]
"""Sends a client bytes that it has not asked for, from the turn of another one. Behind what is owed, and bounded: a
client that does not read them is dropped. Does nothing once the client is gone."""


class ClientProtocol(Protocol):
    """What one client has said so far, and what it is to be told. Made by a factory, used by one thread at a time."""

    due: float
    """When `late` is to be called, in seconds of time.monotonic(); math.inf: never. Read after each call."""

    @property
    def over(self) -> int:
        """Whether the connection ends once the replies are sent: False, True, or `AT_ONCE`."""

    @property
    def idle(self) -> bool:
        """Whether nothing is lost if this client is let go now: the server may, at the descriptor limit."""

    def feed(self, data: bytes, now: float) -> Replies:
        """Take the bytes that arrived, none at the end of the client's stream (once); return the replies to them."""

    def late(self, now: float) -> Replies:
        """Say what is due now, for example that a request took too long; usually sets `over`, or a later `due`."""

    def gone(self) -> None:
        """The client is gone, however it went. Called once, and nothing after it."""


AT_ONCE = 2
"""An `over` of those who part in agreement: the socket is closed without waiting for the client's end."""
NewClient = Callable[[float, Say], ClientProtocol]
"""What a factory is called as: the time, and how bytes are said to the client."""


class Factory(Protocol):
    """Makes the protocol object of a new client. One for a server: what all clients share is kept here."""

    due: float
    """When `late` is to be called, for what belongs to no client; math.inf: never."""

    def __call__(self, now: float, say: Say) -> ClientProtocol:
        """The protocol object of a client that has just connected."""

    def late(self, now: float) -> None:
        """Do what is due now, and set a later `due`."""


class Limits(NamedTuple):
    """What one client may take of a server."""

    high_water_bytes: int = 256 * 1024
    """From so many owed bytes on no reply is taken and nothing is read."""
    turn_replies: int = 32
    """The most replies taken in one turn: it bounds the delay for the others."""
    turn_bytes: int = 64 * 1024
    """No further reply is taken in a turn that has so many bytes."""
    said_bytes: int = 1 << 20
    """A client is dropped when more is said to it while so many said bytes wait to be sent."""
    stall_seconds: float = 60.0
    """How long a client may take none of the bytes that it is owed; twice as long if the server holds none of them."""
    linger_seconds: float = 2.0
    """How long what a client still sends is read and thrown away once its connection is over."""
    linger_bytes: int = 64 << 20
    """How much of that is read."""


LIMITS = Limits()
"""The usual ones."""


class Speaks:
    """Marks a factory as such where a server takes a handler: `serve(listener, Speaks(factory))`."""

    def __init__(self, factory: Factory, limits: Limits = LIMITS) -> None:
        self.factory, self.limits = factory, limits

    def __call__(self, data: bytes) -> bytes:
        """Raise TypeError: a server that calls it takes it for a handler, and carries no protocol."""
        raise TypeError("this server knows handlers only, and was given a protocol: it has to ask for `Speaks`")


NEVER = math.inf
"""The `due` of what waits for nothing."""
