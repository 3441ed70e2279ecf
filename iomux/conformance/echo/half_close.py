"""Items about clients that half-close: the server sends all it owes them, and then closes.

A connection has two directions, and each ends by itself (RFC 9293, 3.6; shutdown(2)).
"""

import socket
from contextlib import ExitStack

from iomux.conformance.trial.clients import CLOSED, MIB, ask, compare, connect, connect_narrow, fill, leave, message
from iomux.conformance.trial.holders import STILL_HELD, holders, still_held
from iomux.conformance.trial.items import item
from iomux.conformance.trial.subject import Fault, NotSeen, Subject, busy
from iomux.conformance.trial.transfer import Stream, exchange, fill_all

OWED_BYTES = (4 * MIB, *range(128 * 1024, 1216 * 1024, 48 * 1024))
"""More than the buffers hold; and many sizes near what they hold, for a server with back-pressure: it sees the end of
the stream while it owes bytes only if the buffers are full and it still reads."""


@item(
    "half-close",
    points=4,
    rule="a client that has half-closed still gets every byte that it is owed",
    sent="24 clients at once each send 128 KiB to 1.2 MiB, or 4 MiB, then shutdown(SHUT_WR); only then they read",
    hint="The end of what a client sends (recv returns no bytes) is not the end of what you owe it. Close when both "
    "are over. And if your server never sees that end: was there more to read, after the only notification?",
    man="shutdown(2), recv(2)",
)
def half_close(subject: Subject) -> None:
    """Check that all owed bytes arrive, then the end of the stream, and that the server sleeps while it owes them."""
    data = message(max(OWED_BYTES))
    spun = subject.pid is None or busy(subject)  # then something other than these clients keeps it awake
    with ExitStack() as stack:
        clients = [stack.enter_context(connect_narrow(subject)) for _ in OWED_BYTES]
        streams = [Stream(client, data[:size], True) for client, size in zip(clients, OWED_BYTES, strict=True)]
        fill_all(subject, streams)
        awake = _never_sleeps(subject) if not spun else None  # a stream at its end stays readable, which is not news
        exchange(streams)
        for stream in streams:
            _came_to_the_end(subject, stream)
    if awake and not _being_there_is_enough(subject) and not _owing_is_enough(subject):
        raise awake


def _never_sleeps(subject: Subject) -> Fault | NotSeen | None:
    """What is to be said of a server that owes bytes to clients that do not read; after what is said of the bytes."""
    try:
        return Fault("clients have half-closed and do not read, and the server never sleeps") if busy(subject) else None
    except NotSeen as reason:
        return reason


def _being_there_is_enough(subject: Subject) -> bool:
    """Whether it never sleeps while a client is there that is owed nothing: the kernel may not have told it of the end.

    A client's last bytes, and its half-close, may still lie in the client's own kernel. See silent.
    """
    with connect(subject) as idle:
        ask(idle, b"one message")
        return busy(subject)


def _owing_is_enough(subject: Subject) -> bool:
    """Whether it never sleeps while it owes bytes to anyone: then a half-close is no cause. See back-pressure."""
    with connect_narrow(subject) as client:
        fill(subject, client, message(OWED_BYTES[0]))
        awake = busy(subject)
        leave(client)
    return awake


def _came_to_the_end(subject: Subject, stream: Stream) -> None:
    compare(stream.data, bytes(stream.got), stream.how, "the client")
    if stream.how != CLOSED:
        without = f"the client got every byte, but not the end of the stream: {stream.how}"
        raise _not_ended(subject, stream.client, without, {})


def _not_ended(subject: Subject, client: socket.socket, seen: str, before: dict[int, int]) -> Fault:
    """What to say of a connection that has not ended: also who else holds it, if somebody does. before: its holders."""
    now = holders(subject, client)
    if still := still_held(before, now, subject.pid):
        return Fault(f"{seen}: {still}", hint=STILL_HELD, before=before, now=now)
    return Fault(seen)


@item(
    "end",
    points=2,
    rule="the server closes a client that has half-closed and is owed nothing",
    sent="one client gets a message answered, one sends nothing; then each calls shutdown(SHUT_WR)",
    hint="Once the client has sent its last byte, recv returns no bytes, now and for ever: it is your turn to close.",
    man="recv(2), close(2)",
)
def end(subject: Subject) -> None:
    """Check that the end of the stream is answered with the end."""
    with connect(subject) as served:
        ask(served, b"one message")
        before = holders(subject, served)
        served.shutdown(socket.SHUT_WR)
        _ended(subject, served, "a client that had been served", before)
    with connect(subject) as silent:
        silent.shutdown(socket.SHUT_WR)
        _ended(subject, silent, "a client that had sent nothing", {})


def _ended(subject: Subject, client: socket.socket, who: str, before: dict[int, int]) -> None:
    try:
        if client.recv(1) == b"":
            return
        raise Fault(f"{who} got bytes that it was not owed")
    except TimeoutError:
        never = f"{who} half-closed, and the server never closed the connection"
        raise _not_ended(subject, client, never, before) from None
    except ConnectionError:
        raise Fault(f"{who} half-closed, and got a reset instead of the end of the stream") from None
