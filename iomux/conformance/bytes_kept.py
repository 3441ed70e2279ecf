"""Items about the bytes: all of them come back, in order, to the client that sent them, however they arrive.

TCP is a stream: it keeps the order of bytes and forgets where one `send` ended (RFC 9293, 3.8; tcp(7)).
"""

import contextlib
import random
import socket
import time
from contextlib import ExitStack

from iomux.conformance.clients import (
    MIB,
    ask,
    connect,
    connect_narrow,
    crowd,
    expect,
    expect_to_the_end,
    message,
    sending,
)
from iomux.conformance.items import ONE_AT_A_TIME, item
from iomux.conformance.subject import Fault, Subject, busy

_BULK_BYTES = 64 * MIB
_OWED_BYTES = (16 * MIB, *range(2 * MIB, 6 * MIB, 192 * 1024))
"""More than the buffers hold; and sizes just above what they hold, whatever that is, for a server with back-pressure:
only if the buffers are full and the server still reads on does it come to the end of the stream while it owes."""


@item(
    "echoes",
    points=12,
    asks="what a client sends comes back",
    sent="messages of 1, 2, 1,000 and 65,536 bytes, each answered before the next",
    hint="Follow one message by hand: who accepts the client, who reads from it, who sends back, and does all that "
    "happen again for the next message?",
    man="accept(2), recv(2), send(2)",
)
def echoes(subject: Subject) -> None:
    """The least that an echo server does."""
    with connect(subject) as client:
        for size in (1, 2, 1000, 65536):
            ask(client, message(size))


@item(
    "pieces",
    asks="a message may arrive in pieces, cut anywhere",
    sent="300 bytes one at a time, then 100,000 bytes cut at random places",
    hint="One send of the client is not one recv of yours: a stream has no messages. What does your server take for "
    "granted about what one recv returns?",
    man="recv(2), tcp(7)",
)
def pieces(subject: Subject) -> None:
    """Bytes one by one, and split anywhere."""
    single, long = message(300), message(100_000)
    cut = random.Random(3)
    with connect(subject) as client:
        for place in range(len(single)):
            client.sendall(single[place : place + 1])
        expect(client, single)
        place = 0
        while place < len(long):
            size = cut.randrange(1, 5000)
            client.sendall(long[place : place + size])
            place += size
        expect(client, long)


@item(
    "together",
    asks="several messages may arrive at once, and before the first is answered",
    sent="200 messages in one send, then 20 more without reading in between",
    hint="One recv may return several messages, and more may come while you still owe an answer. Is anything of the "
    "earlier ones overwritten, or thrown away, when the next arrive?",
    man="recv(2)",
)
def together(subject: Subject) -> None:
    """Pipelined messages."""
    messages = [message(50 + number, seed=number) for number in range(220)]
    with connect(subject) as client:
        client.sendall(b"".join(messages[:200]))
        expect(client, b"".join(messages[:200]))
        for one in messages[200:]:
            client.sendall(one)
        expect(client, b"".join(messages[200:]))


@item(
    "bulk",
    asks="64 MiB through one connection arrive whole",
    sent="64 MiB, read back while they are being sent, a tenth of a second later",
    hint="send may take fewer bytes than you gave it, and says how many. What becomes of the rest? And on a "
    "nonblocking socket, what does it say when it takes none?",
    man="send(2)",
)
def bulk(subject: Subject) -> None:
    """Far more than the buffers of the kernel hold."""
    data = message(_BULK_BYTES)
    with connect_narrow(subject) as client, sending(client, data):
        time.sleep(0.1)  # a reader that keeps up with the server would never let its buffer fill
        expect(client, data)


@item(
    "hundred",
    points=12,
    asks="a hundred clients at once each get their own bytes",
    sent="100 clients, all connected, each with 2,000 bytes of its own, read after all have sent",
    hint="Whom does your server wait for while it serves one? Nothing that it calls for one client may sleep while "
    "others have something to say. And is everything that belongs to one client kept apart from the others'?",
    man="select(2), poll(2), epoll(7)",
    beyond=ONE_AT_A_TIME,
)
def hundred(subject: Subject) -> None:
    """Concurrency, and no mixing up."""
    with crowd(subject, 100) as clients:
        messages = [message(2000, seed=number) for number in range(len(clients))]
        for client, data in zip(clients, messages, strict=True):
            client.sendall(data)
        for number, (client, data) in enumerate(zip(clients, messages, strict=True), 1):
            expect(client, data, who=f"client {number} of 100")


@item(
    "half-close",
    asks="a client that says no more still gets all that it is owed",
    sent="23 clients, with 16 and with 2 to 6 MiB: all of it, then shutdown(SHUT_WR); only then each begins to read",
    hint="The end of what a client sends (recv returns no bytes) is not the end of what you owe it. Close when both "
    "are over. And if you never saw that end: was there more to read, of which you were told only once?",
    man="shutdown(2), recv(2)",
)
def half_close(subject: Subject) -> None:
    """All owed bytes arrive, then the end of the stream."""
    data = message(max(_OWED_BYTES))
    for size in _OWED_BYTES:
        with connect_narrow(subject) as client, sending(client, data[:size], then_shut_down=True):
            time.sleep(0.1)  # the server falls behind, so that it has something to owe
            expect_to_the_end(client, data[:size])
    if subject.pid is not None and not busy(subject):  # else it is not these clients that keep it awake
        _sleeps_while_it_owes(subject, data)


def _sleeps_while_it_owes(subject: Subject, data: bytes) -> None:
    """Once more the smaller ones, together, and none reads: the end of a stream is there for ever, and no news."""
    with ExitStack() as stack:
        for size in _OWED_BYTES[1:]:
            client = stack.enter_context(connect_narrow(subject))
            stack.enter_context(sending(client, data[:size], then_shut_down=True))
            stack.callback(_let_go, client)
        time.sleep(0.3)
        if busy(subject):
            raise Fault("clients said no more and do not read, and the server never sleeps")


def _let_go(client: socket.socket) -> None:
    """End the sending too."""
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


@item(
    "end",
    asks="a client that says no more and is owed nothing is let go",
    sent="nothing, or one answered message, then shutdown(SHUT_WR)",
    hint="recv returns no bytes once the client has said its last word, and will do so for ever: it is your turn to "
    "close.",
    man="recv(2), close(2)",
)
def end(subject: Subject) -> None:
    """The end of the stream is answered with the end."""
    with connect(subject) as silent:
        silent.shutdown(socket.SHUT_WR)
        _ended(silent, "a client that never spoke")
    with connect(subject) as served:
        ask(served, b"one message")
        served.shutdown(socket.SHUT_WR)
        _ended(served, "a client that was served")


def _ended(client: socket.socket, who: str) -> None:
    try:
        if client.recv(1) == b"":
            return
        raise Fault(f"{who} got bytes that it was not owed")
    except TimeoutError:
        raise Fault(f"{who} said no more and was never let go: the server did not close") from None
    except ConnectionError:
        raise Fault(f"{who} was sent away with a reset instead of an end") from None
