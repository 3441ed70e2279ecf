"""The members of a chat room under test: how they join, how one sends and the others read, and one that is slow.

A client is "connected" before the room has accepted it (listen(2)), so one member sends until all others have got
something. The slow ones set small segments and a small window (TCP_MAXSEG, tcp(7); SO_RCVBUF, socket(7)), or the
kernel alone would hold megabytes for them.
"""

import contextlib
import random
import select
import socket
import string
import time
from collections.abc import Iterator
from functools import partial

from iomux.conformance.trial.clients import MIB, crowd, receive
from iomux.conformance.trial.items import Item
from iomux.conformance.trial.items import item as any_item
from iomux.conformance.trial.subject import PATIENCE, Fault, Subject

CHAT_ITEMS: dict[str, Item] = {}
"""The items of a chat room, in the order in which they are tried."""
item = partial(any_item, into=CHAT_ITEMS, points=8)

MOST_OWED_BYTES = MIB
"""What the room has to keep for a member that reads late; it may close one that is owed more."""
PIECE_BYTES = 128 * 1024
"""The size of one message where a member sends much."""


@contextlib.contextmanager
def room(subject: Subject, count: int) -> Iterator[list[socket.socket]]:
    """`count` members, after a message of the first has reached all others."""
    with crowd(subject, count) as members:
        wait_until_all_receive(members)
        yield members


def wait_until_all_receive(members: list[socket.socket]) -> None:
    """Let the first member send until its bytes reach all others, which then have read all that was sent so far."""
    sender, *others = members
    silent, limit = set(others), time.monotonic() + PATIENCE
    while silent:
        if time.monotonic() > limit:
            raise Fault("what one member sent did not reach all the others")
        sender.sendall(b"knock\n")
        silent -= set(select.select(list(silent), [], [], 0.05)[0])
    sender.sendall(b"!")
    for other in others:
        while (got := receive(other, 1)[0]) != b"!":
            if not got:
                raise Fault("the room closed a member's connection, or sent it only a part")


def slow(subject: Subject) -> socket.socket:
    """A member for which the kernel holds little: small segments keep the server's send buffer small, too."""
    client = socket.socket()
    client.settimeout(PATIENCE)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
    try:
        client.connect(subject.address)
    except OSError as error:
        client.close()
        raise Fault("a new client could not connect") from error
    return client


def words(size: int, letters: str = string.ascii_letters, seed: int = 7) -> bytes:
    """Random letters, in which no two parts are alike; the same in every run."""
    return "".join(random.Random(seed).choices(letters, k=size)).encode()


def expect_message(reader: socket.socket, sent: bytes, who: str) -> None:
    """Read as many bytes as were sent and compare them. Raises Fault, naming the member, if they differ."""
    got, how = receive(reader, len(sent))
    if got != sent:
        raise Fault(f"{who} {_difference(sent, got, how)}", bytes_sent=len(sent), bytes_got=len(got))


def _difference(sent: bytes, got: bytes, how: str) -> str:
    if not sent.startswith(got):
        return "got other bytes than were sent: some were lost, doubled, or out of order"
    return f"got {'a part' if got else 'nothing'} of what was sent: {how}"


def send_pieces(sender: socket.socket, reader: socket.socket, size: int) -> bytes:
    """Send much, in pieces, each read by one prompt reader before the next; return all that was sent."""
    sent = bytearray()
    for number in range(size // PIECE_BYTES):
        piece = _piece(number)
        sender.sendall(piece)
        expect_message(reader, piece, "next to a member that does not read, one that does")
        sent += piece
    return bytes(sent)


def _piece(number: int) -> bytes:
    return (b"%08d" % number + _PIECE) * (PIECE_BYTES // 1024)


_PIECE = words(1016)
