"""Items about the bytes: all of them come back, in order, to the client that sent them, however they arrive.

TCP is a stream: it keeps the order of bytes and forgets where one `send` ended (RFC 9293, 3.8; tcp(7)).
"""

import contextlib
import itertools
import random
import socket
from collections.abc import Iterator

from iomux.conformance.echo.causes import lost_or_late, not_accepted, value_matters, value_or_size
from iomux.conformance.trial import rest
from iomux.conformance.trial.clients import (
    CLOSED,
    MIB,
    RESET,
    ask,
    compare,
    connect,
    connect_narrow,
    expect,
    message,
)
from iomux.conformance.trial.items import item
from iomux.conformance.trial.recording import RECORDING
from iomux.conformance.trial.subject import Fault, Subject
from iomux.conformance.trial.transfer import Stream, exchange, fill_all

_BULK_BYTES = 8 * MIB  # the kernel holds 4 MiB of what a server sends at most (tcp_wmem, tcp(7))
_COMMON = (10, 16, 32, 64, 100, 128, 200, 256, 500, 512, 1000, 1024, 1460, 1500, 2000, 2048, 4000, 4096, 5000, 8000)
_LARGE = (8192, 10_000, 16_384, 20_000, 32_768, 50_000, 65_536)
_SIZES = sorted({near for at in (*_COMMON, *_LARGE) for near in (at - 1, at, at + 1)})
"""Sizes around those that buffers commonly have."""
_LINE_ENDS = (b"", b"\n", b"\r\n")
_WORDS = [
    *(b"\n", b"\r\n", b"\r\n\r\n", b".\r\n"),
    *(word + end for word in b"quit QUIT exit bye q end stop close logout shutdown".split() for end in _LINE_ENDS),
]
"""Lines that are a farewell or a command elsewhere."""
_SPECIAL = bytes([0, 3, 4, 8, 9, 10, 13, 26, 27, 32, 127, 128, 255])
"""Values that mean something to a terminal, a text file, or a string in C."""
_OF_SEVERAL = 32  # the kernel chooses a listener by a hash: of two, each gets one of them but for once in 2^31


@contextlib.contextmanager
def cut_by_chance() -> Iterator[None]:
    """Where chance decides how the bytes are cut, it also decides which of them are missing: one wording for both."""
    try:
        yield
    except Fault as fault:
        if fault.detail.get("how") in (CLOSED, RESET) or not fault.detail.get("bytes_back"):
            raise
        raise Fault(
            "the client got other bytes than it had sent, or not all of them", fault.hint, **fault.detail
        ) from None


@item(
    "echoes",
    points=8,
    rule="every byte that a client sends comes back",
    sent="a client sends messages of 1, 2 and 64 bytes, each answered before the next",
    hint="Follow one message by hand: who accepts the client, who reads from it, who sends back, and does all that "
    "happen again for the next message?",
    man="accept(2), recv(2), send(2)",
)
def echoes(subject: Subject) -> None:
    """Test the least that an echo server does, and that it does it at each of its listeners if it has several."""
    several = rest.listeners(subject.address[1]) > 1
    who = "one of the clients of a port with several listeners" if several else "the client"
    for _ in range(_OF_SEVERAL if several else 1):  # which of them fails is left to chance: it is not recorded
        with RECORDING.paused() if several else contextlib.nullcontext(), connect(subject) as client:
            for size in (1, 2, 64):
                _ask_for(subject, client, size, who)


@item(
    "sizes",
    points=4,
    rule="a message of any size comes back",
    sent="one client sends messages of 9 to 65,537 bytes: just below, exactly and just above common buffer sizes; "
    "then one with line ends and other control characters in it",
    hint="Which sizes come back, and which hang? Compare them with the size of your buffer. How does your server learn "
    "that there is more to read, and what does it do when there is exactly as much as fits?",
    man="recv(2), select(2), epoll(7)",
)
def sizes(subject: Subject) -> None:
    """Send each after the answer to the one before, so that nothing else wakes a server that waits for more."""
    with connect(subject) as client:
        for size in _SIZES:
            _ask_for(subject, client, size, f"a client with {size:,} bytes in a message")
        pairs = [bytes(pair) for pair in itertools.product(_SPECIAL, repeat=2)]
        with value_matters(subject, pairs):
            ask(client, b"letters".join(pairs), "a client with line ends and other control characters in a message")


def _ask_for(subject: Subject, client: socket.socket, size: int, who: str = "the client") -> None:
    """Ask for a message of random bytes; if it does not come back, find out whether its size or a byte matters."""
    try:
        ask(client, message(size), who)
    except Fault as fault:
        fault.hint = not_accepted(subject) or value_or_size(subject, size)
        raise


@item(
    "pieces",
    points=4,
    rule="a message comes back even if it arrives in pieces, cut anywhere",
    sent="a client sends each of the 256 bytes alone, then words such as quit, and an empty line, and awaits each; "
    "another one sends 300 bytes one at a time, then 100,000 bytes cut at random places",
    hint="One send of the client is not one recv of yours: a stream has no messages. What does your server assume "
    "about what one recv returns?",
    man="recv(2), tcp(7)",
)
def pieces(subject: Subject) -> None:
    """Send each byte, and some words, alone, and awaited; then bytes one by one, and a message split at random."""
    single, long = message(300), message(100_000)
    cut, values = random.Random(3), [bytes([value]) for value in range(256)]
    with connect(subject) as client, value_matters(subject, values):
        for value in values:
            ask(client, value, "a client whose message is a single byte")
    with connect(subject) as client, value_matters(subject, _WORDS):
        for word in _WORDS:
            ask(client, word, "a client whose message is a word or a line end")
    with cut_by_chance(), connect(subject) as client:
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
    points=4,
    rule="messages come back even if several arrive before the first is answered",
    sent="a client sends 200 messages in one send, then 20 more without reading in between",
    hint="One recv may return several messages, and more may come while you still owe an answer. Is any part of "
    "the earlier ones overwritten, or thrown away, when the next ones arrive?",
    man="recv(2)",
)
def together(subject: Subject) -> None:
    """Send pipelined messages."""
    messages = [message(50 + number, seed=number) for number in range(220)]
    with cut_by_chance(), connect(subject) as client:
        client.sendall(b"".join(messages[:200]))
        expect(client, b"".join(messages[:200]))
        for one in messages[200:]:
            client.sendall(one)
        expect(client, b"".join(messages[200:]))


@item(
    "bulk",
    points=4,
    rule="8 MiB come back complete through one connection",
    sent="a client sends as much as the server takes of 8 MiB, and only then reads it back, and sends the rest",
    hint="send may take fewer bytes than you gave it, and says how many. What happens to the rest? And on a "
    "nonblocking socket, what does send do when it takes no bytes?",
    man="send(2)",
)
def bulk(subject: Subject) -> None:
    """Send far more than the kernel's buffers hold: if the client kept up with the server, they would never fill."""
    data = message(_BULK_BYTES)
    with connect_narrow(subject) as client:
        stream = Stream(client, data)
        fill_all(subject, [stream])
        exchange([stream])
        hint = lost_or_late(data, bytes(stream.got), client) if stream.got != data else ""
        compare(data, bytes(stream.got), stream.how, "the client", hint)
