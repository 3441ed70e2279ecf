"""The members of a chat room under test: how they get in, how one speaks and the others hear, and one that is slow.

A client is "connected" before the room has heard of it (listen(2)), so somebody knocks until all have heard it. The
slow ones ask for small segments and a small window (TCP_MAXSEG, tcp(7); SO_RCVBUF, socket(7)), or the kernel alone
would hold megabytes for them.
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
"""What the room has to keep for a member that reads late; one that is owed more may be let go."""
PIECE_BYTES = 128 * 1024
"""What is said at once where much is said."""


@contextlib.contextmanager
def room(subject: Subject, count: int) -> Iterator[list[socket.socket]]:
    """So many members, of whom the first has been heard by all others."""
    with crowd(subject, count) as members:
        gather(members)
        yield members


def gather(members: list[socket.socket]) -> None:
    """Have the first knock until all others have heard it; what they were sent so far is read."""
    speaker, *others = members
    silent, limit = set(others), time.monotonic() + PATIENCE
    while silent:
        if time.monotonic() > limit:
            raise Fault("what one member said did not reach all the others")
        speaker.sendall(b"knock\n")
        silent -= set(select.select(list(silent), [], [], 0.05)[0])
    speaker.sendall(b"!")
    for other in others:
        while (heard := receive(other, 1)[0]) != b"!":
            if not heard:
                raise Fault("a member was sent away, or heard only a part")


def slow(subject: Subject) -> socket.socket:
    """A member for whom the kernel holds little: small segments keep the server's send buffer small, too."""
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
    """Letters in which no part looks like another, the same each time."""
    return "".join(random.Random(seed).choices(letters, k=size)).encode()


def hear(listener: socket.socket, said: bytes, who: str) -> None:
    """Read as many bytes as were said and compare them. Raises Fault, naming who heard something else."""
    got, how = receive(listener, len(said))
    if got != said:
        raise Fault(f"{who} {_how(said, got, how)}", bytes_said=len(said), bytes_heard=len(got))


def _how(said: bytes, got: bytes, how: str) -> str:
    if not said.startswith(got):
        return "heard other bytes than were said: lost, doubled, or out of order"
    return f"heard {'a part' if got else 'nothing'} of what was said: {how}"


def talk(speaker: socket.socket, listener: socket.socket, size: int) -> bytes:
    """Say much, in pieces, each heard by a good listener before the next; return all that was said."""
    said = bytearray()
    for number in range(size // PIECE_BYTES):
        piece = _piece(number)
        speaker.sendall(piece)
        hear(listener, piece, "beside a member that does not read, one that does")
        said += piece
    return bytes(said)


def _piece(number: int) -> bytes:
    return (b"%08d" % number + _PIECE) * (PIECE_BYTES // 1024)


_PIECE = words(1016)
