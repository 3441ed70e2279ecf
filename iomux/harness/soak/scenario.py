"""The scenario of each client of a soak: drawn from the seed and the client's number alone, whatever the server does.

A scenario is a conversation: the messages, how many of them are sent at once, in which pieces, how slowly the answers
are read, and how the client leaves. Most messages are small, some fill several of the kernel's buffers. Each pause
is a few milliseconds, so that hundreds of clients are at different points at any moment.

The ways to leave: an orderly close when all is answered; *half-close* (shutdown(2), SHUT_WR: the client
sends no more and is still owed its answers); *reset* (SO_LINGER of 0 seconds, socket(7)); *vanish unread*, a close
with bytes in the receive buffer, which TCP answers with a reset too (RFC 1122, 4.2.2.13); *vanish silent*, a close
without having sent a byte.
"""

import itertools
import random
from typing import NamedTuple

from iomux.servers.connection import CHUNK_BYTES

CLOSE, HALF_CLOSE, RESET = "close", "half-close", "reset"
VANISH_UNREAD, VANISH_SILENT = "vanish unread", "vanish silent"
PIECES, SLOW = "send in pieces", "read slowly"
FAULTS = (PIECES, SLOW, HALF_CLOSE, RESET, VANISH_UNREAD, VANISH_SILENT)
"""The faults that a soak injects, besides sending requests and reading the answers."""

MOST_BYTES = 1 << 20
"""The most that one client sends."""
_POOL_BYTES = 4 << 20
_LEAVING = {CLOSE: 30, HALF_CLOSE: 30, RESET: 18, VANISH_UNREAD: 14, VANISH_SILENT: 8}
_IN_PIECES, _READS_SLOWLY, _ONE_FLOOD = 0.3, 0.1, 0.03  # shares of the clients
_LONGEST_PAUSE = 0.004
_THINK_PER_CLIENT = 0.0005  # keeps the wanted number connected, at some 8,000 requests a second


class Scenario(NamedTuple):
    """One client's conversation. Positions count the bytes of the conversation from 0."""

    number: int
    offset: int
    """Where in the pool its bytes begin."""
    ends: tuple[int, ...]
    """Where each message ends."""
    wait_points: tuple[int, ...]
    """The positions up to which it sends before it waits for all answers, one after the other."""
    think: float
    """Seconds between the answers and the next messages."""
    piece: int
    """The most bytes of one `send`; a pause follows."""
    send_pause: float
    """Seconds."""
    most_read: int
    """The most bytes of one `recv`; a pause follows."""
    read_pause: float
    """Seconds; for a client that vanishes silently, how long it stays."""
    leaving: str
    leave_at: int
    """For a reset or an unread end: how many bytes it sends before it leaves."""

    @property
    def total(self) -> int:
        """How many bytes it would send if it stayed."""
        return self.ends[-1]


def pool_of(seed: int) -> bytes:
    """The random bytes of which each client sends a part."""
    return random.Random(seed).randbytes(_POOL_BYTES)


def scenario(seed: int, number: int, clients: int) -> Scenario:
    """The scenario of client `number`; the more `clients` there are at once, the longer each one's think time."""
    draw = random.Random(seed << 32 | number)
    flood = draw.random() < _ONE_FLOOD
    sizes = [draw.randint(MOST_BYTES // 4, MOST_BYTES)] if flood else _sizes(draw)
    ends = tuple(end for end in itertools.accumulate(sizes) if end <= MOST_BYTES)
    total = ends[-1]
    pieces, slow = draw.random() < _IN_PIECES, draw.random() < _READS_SLOWLY
    leaving = draw.choices(list(_LEAVING), list(_LEAVING.values()))[0]
    return Scenario(
        number=number,
        offset=draw.randrange(_POOL_BYTES - total),
        ends=ends,
        wait_points=_wait_points(draw, ends),
        think=draw.uniform(0, clients * _THINK_PER_CLIENT),
        piece=max(1, total // draw.randint(4, 40)) if pieces else MOST_BYTES,
        send_pause=draw.uniform(0, _LONGEST_PAUSE) if pieces else 0.0,
        most_read=max(1, total // draw.randint(20, 200)) if slow else CHUNK_BYTES,
        read_pause=draw.uniform(0, _LONGEST_PAUSE) if slow or leaving == VANISH_SILENT else 0.0,
        leaving=leaving,
        leave_at=draw.randint(1, total),
    )


def _sizes(draw: random.Random) -> list[int]:
    """The sizes of 20 to 100 messages: of 50 some 46 have up to 256 bytes, 3 up to 8 KiB, 1 up to 64 KiB."""
    kinds = draw.choices((256, 8 * 1024, CHUNK_BYTES), (46, 3, 1), k=draw.randint(20, 100))
    return [draw.randint(1, most) for most in kinds]


def _wait_points(draw: random.Random, ends: tuple[int, ...]) -> tuple[int, ...]:
    """Where a pipelining client waits: after 1 to 8 messages, sometimes only after all."""
    depth = draw.choice((1, 2, 4, 8, len(ends)))
    return tuple(dict.fromkeys([*ends[depth - 1 :: depth], ends[-1]]))
