"""The members of a chat room under test: how they join, how they find out that all hear each other, and slow ones.

A client is "connected" before the room has accepted it (listen(2)), so one member knocks until all others hear it; what
came before, such as a greeting or the news that another one has joined, is read and is over. All that is said ends with
a newline, except where an item is about that: so a room that passes on whole lines is tried by the same words.

The slow ones set small segments and a small window (TCP_MAXSEG, tcp(7); SO_RCVBUF, socket(7)): the kernel holds some
250 KiB for them, far less than the room has to keep.
"""

import contextlib
import itertools
import re
import socket
import time
from collections.abc import Iterator, Sequence
from functools import partial

from iomux.conformance.chat.talk import LITTLE_AHEAD_BYTES, say, text
from iomux.conformance.trial.clients import MIB, connect, eventually, send_all
from iomux.conformance.trial.connecting import from_a_fresh_address
from iomux.conformance.trial.items import Item, warm_up
from iomux.conformance.trial.items import item as any_item
from iomux.conformance.trial.patience import at_work, out_of_patience, ready
from iomux.conformance.trial.subject import PATIENCE, Fault, NotSeen, Subject, descriptors, stopped

CHAT_ITEMS: dict[str, Item] = {}
"""The items of a chat room by their names."""
item = partial(any_item, into=CHAT_ITEMS)

MOST_OWED_BYTES = MIB
"""What the room has to keep for a member that reads late; it may close one that is owed more."""
KEPT_BYTES = MOST_OWED_BYTES - 128 * 1024
"""How much is said where a slow member is to be kept, whatever else the room owes it."""
UNHEARD = "what one member sent did not reach all the others"
_KNOCKS = itertools.count()
"""The numbers of our knocks: a room may drop what is said twice, and that is another item's fault."""
_OURS = re.compile(rb"(?:knock|we have met) \d+\n")
"""What we say ourselves in between: a room may send it to its sender, too, and that is another item's fault."""
_KNOCK_SECONDS = 0.05
_NOTICE_SECONDS = 1.0


@contextlib.contextmanager
def guests(subject: Subject, count: int) -> Iterator[list[socket.socket]]:
    """`count` connected clients: so few that no limit on descriptors (ulimit -n) stands in the way."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(connect(subject)) for _ in range(count)]


@contextlib.contextmanager
def room(subject: Subject, count: int) -> Iterator[list[socket.socket]]:
    """`count` members that hear each other. Raises NotSeen if they do not: that is what `passes-on` is for."""
    with guests(subject, count) as members:
        introduce(members)
        yield members


def introduce(members: Sequence[socket.socket]) -> None:
    """Let two members in turn be heard by all others, the first one last: it is the one who goes on to speak.

    Then all have read what came before. Raises NotSeen if they do not hear each other.
    """
    with warm_up("passes-on"):
        meet([members[1], members[0], *members[2:]])
        meet(members)


def meet(members: Sequence[socket.socket]) -> list[bytes]:
    """Let the first member knock until all others hear it; they then have read all that was said so far.

    Returns what each of the others heard before, without the knocks. Raises Fault if one hears nothing.
    """
    speaker, *others = members
    heard, moved = dict.fromkeys(others, b""), time.monotonic()
    while waiting := [other for other in others if not _OURS.search(heard[other])]:
        if out_of_patience(moved):
            raise Fault(UNHEARD)
        utter(speaker, b"knock %d\n" % next(_KNOCKS))
        for other in ready(waiting, seconds=_KNOCK_SECONDS)[0]:
            heard[other] += hear_some(other, 4096)
            moved = time.monotonic()
    over = b"we have met %d\n" % time.monotonic_ns()
    utter(speaker, over)
    for other in others:
        while not heard[other].endswith(over):  # byte by byte: what follows belongs to the item
            heard[other] += hear_some(other, 1)
    return [_OURS.sub(b"", before.removesuffix(over)) for before in heard.values()]


def utter(speaker: socket.socket, data: bytes) -> None:
    """Say something. Raises Fault if that is impossible."""
    try:
        send_all(speaker, data)
    except OSError:
        raise Fault(UNHEARD) from None


def hear_some(member: socket.socket, count: int) -> bytes:
    """What a member hears next, at most so many bytes. Raises Fault if it is the end."""
    try:
        data = member.recv(count)
    except OSError:
        data = b""
    if not data:
        raise Fault(UNHEARD)
    return data


def slow(subject: Subject) -> socket.socket:
    """A member for which the kernel holds little: small segments keep the server's send buffer small, too."""
    client = socket.socket(socket.AF_INET6 if ":" in subject.address[0] else socket.AF_INET)
    client.settimeout(PATIENCE)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
    from_a_fresh_address(client)
    try:
        client.connect(subject.address)
    except OSError as error:
        client.close()
        raise Fault("a new client could not connect", error=str(error)) from None
    return client


@contextlib.contextmanager
def room_with_a_slow_member(subject: Subject) -> Iterator[list[socket.socket]]:
    """One who speaks, one who listens, and one who reads nothing from now on, in this order."""
    with guests(subject, 2) as members, slow(subject) as late:
        introduce([*members, late])
        yield [*members, late]


def say_beside_a_slow_one(speaker: socket.socket, listeners: Sequence[socket.socket]) -> bytes:
    """Say as much as a room has to keep, and return it. Raises NotSeen if it does not reach all who listen."""
    said = text(KEPT_BYTES)
    if how := say(speaker, listeners, said, LITTLE_AHEAD_BYTES):
        raise NotSeen(f"next to a member that does not read, another one {how}: see the item slow-reader")
    return said


@contextlib.contextmanager
def held(subject: Subject) -> Iterator[None]:
    """The room is stopped meanwhile, so that all that happens is there when it goes on, if its process is known."""
    with stopped(subject) if subject.pid is not None else contextlib.nullcontext():
        yield


def say_while_held(speaker: socket.socket, data: bytes) -> None:
    """Say so much that the kernel has to keep it until the room goes on. Raises NotSeen if it does not."""
    try:
        send_all(speaker, data)
    except TimeoutError:
        raise NotSeen("the kernel's buffers are too small here for what is said at once: tcp(7), tcp_wmem") from None


def wait_until_it_rests(subject: Subject) -> None:
    """Give the room the time to end what it does, if that can be seen; one that never rests is not waited for long."""
    limit = time.monotonic() + _NOTICE_SECONDS
    eventually(lambda: not at_work(subject) or time.monotonic() > limit)


def wait_until_it_closed(subject: Subject, before: int) -> None:
    """Give the room the time to close what has left, `before` being its descriptors before that, if they are known."""
    if subject.pid is None:
        time.sleep(_NOTICE_SECONDS / 4)
    else:
        limit = time.monotonic() + _NOTICE_SECONDS
        eventually(lambda: descriptors(subject) < before or time.monotonic() > limit)


def open_descriptors(subject: Subject) -> int:
    """The descriptors of the room; 0 if they are not known."""
    return descriptors(subject) if subject.pid is not None else 0
