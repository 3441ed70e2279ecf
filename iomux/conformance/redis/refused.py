"""Stage D: what is no command is refused: an error, then the end, since nobody can tell where the next command begins.
What is only promised takes no memory.

The client sends only what is wrong, and nothing behind it: a server that closes with bytes unread resets the
connection, and its answer may be lost (RFC 2525, 2.17). Where it has to send more, the end alone is enough.
"""

from contextlib import ExitStack
from functools import partial

from iomux.conformance.redis import items
from iomux.conformance.redis.client import Client
from iomux.conformance.redis.items import FRAMING, piped, spec, suite
from iomux.conformance.redis.talk import ERROR, ask, client, needs_inline, shared_store, wrong
from iomux.conformance.redis.wire import PONG, is_error, told
from iomux.conformance.trial.clients import CLOSED, MIB, RESET
from iomux.conformance.trial.subject import Fault, Subject, rss_bytes, settled

item = partial(items.item, stage=FRAMING)
_PROTOCOL = suite("tests/unit/protocol.tcl")
_PROMISING, _MOST_GROWTH = 20, 64 * MIB
_ENDLESS_BYTES, _PIECE_BYTES = 4 * MIB, 64 * 1024


def _refused(subject: Subject, *wrong_ones: bytes) -> None:
    """Check that each is answered by an error and the end, and that others are served."""
    for sent in wrong_ones:
        with client(subject) as one:
            one.send(sent)
            if not is_error(got := one.reply()):
                raise wrong(one, sent, got, ERROR.shown)
            if not one.ended():
                raise Fault(f"{told(sent)} was answered by an error, and the connection did not end")
    with client(subject) as other:
        ask(other, "PING", PONG, "a client that came afterwards")


@item(
    "unbalanced",
    rule="a line with a quote that is not closed is an error, and the end",
    sent="a client sends lines with SET iomux:a and a quote that is not closed, each on a connection of its own",
    hint="The words of such a line are not known. After the error the connection ends.",
    man=_PROTOCOL,
    run=piped(r'SET iomux:a "open\r\n'),
)
def unbalanced(subject: Subject) -> None:
    """Test quotes that are wrong."""
    with client(subject) as one:
        needs_inline(one)
    _refused(subject, b'SET iomux:a "open\r\n', b"SET iomux:a 'open\r\n")


@item(
    "bad-count",
    rule="a count of words that is no number, or that no command could have, is an error, and the end",
    sent="a client sends *x, *12x, *3000000000, *+1 and *1_0, each on a connection of its own",
    hint="Is the whole line a number, and small enough? Redis takes 2,147,483,647 words at most.",
    man=f"{spec('Arrays')}; {_PROTOCOL}",
    run=piped(r"*3000000000\r\n"),
)
def bad_count(subject: Subject) -> None:
    """Test counts that are none."""
    _refused(subject, b"*x\r\n", b"*12x\r\n", b"*3000000000\r\n", b"*+1\r\n", b"*1_0\r\n")


@item(
    "no-dollar",
    rule="the words of a command are bulk strings: anything else there is an error, and the end",
    sent="a client sends *1 and then foo, and *2, $4, ECHO and then :5, each on a connection of its own",
    hint="Look at the first byte of each word before you take the rest for a length.",
    man=f"{spec('Sending commands to a Redis server')}; {_PROTOCOL}",
    run=piped(r"*1\r\nfoo\r\n"),
)
def no_dollar(subject: Subject) -> None:
    """Test words that are no bulk strings."""
    _refused(subject, b"*1\r\nfoo\r\n", b"*2\r\n$4\r\nECHO\r\n:5\r\n")


@item(
    "bad-length",
    rule="a word's length that is no number, is negative, or is above 512 MiB is an error, and the end",
    sent="a client sends *1 and then $x, $-1, $+4 and $2000000000, each on a connection of its own",
    hint="A null has no place in a command. What is the largest value that you keep?",
    man=f"{spec('Bulk strings')}; {_PROTOCOL}",
    run=piped(r"*1\r\n$-1\r\n"),
)
def bad_length(subject: Subject) -> None:
    """Test lengths that are none."""
    none = (b"*1\r\n$x\r\n", b"*1\r\n$-1\r\n", b"*1\r\n$+4\r\n", b"*2\r\n$3\r\nGET\r\n$2000000000\r\n")
    _refused(subject, *none)


@item(
    "endless-line",
    rule="a line that does not end is refused: Redis does so at 64 KiB, and here it is due before 4 MiB",
    sent="a client sends 4 MiB without an end of line; another one as many digits behind *",
    hint="As long as no line ends you keep what comes. How long may a line be, and what do you do then?",
    man=_PROTOCOL,
    run=("head -c 4194304 /dev/zero | tr '\\0' x | nc -q 1 127.0.0.1 PORT | cat -v",),
)
def endless_line(subject: Subject) -> None:
    """Test lines that never end."""
    for first, more in ((b"x", b"x"), (b"*1", b"1")):
        with client(subject) as one:
            one.send(first)
            if _takes_all(one, more * _PIECE_BYTES):
                raise Fault(f"4 MiB of a line that begins with {told(first)} came, and the connection did not end")
    with client(subject) as other:
        ask(other, "PING", PONG, "a client that came afterwards")


def _takes_all(one: Client, piece: bytes) -> bool:
    """Whether all is taken and no end comes: an error may come first, and a reset destroys it."""
    try:
        for _ in range(_ENDLESS_BYTES // len(piece)):
            one.socket.sendall(piece)
    except ConnectionError:
        return False
    except TimeoutError:  # it has stopped to read, and keeps the connection
        return True
    got = one.reply()
    return one.how not in (CLOSED, RESET) and not (got and one.ended())


@item(
    "promised",
    rule="what is only promised takes no memory: neither a count of words nor a length, before they have come",
    sent="20 clients send *1000000, 20 send $500000000 as the length of a value, and then nothing",
    hint="Anybody can promise much. Let a buffer grow with what has arrived.",
    man=suite("src/networking.c (processMultibulkBuffer)"),
    run=(
        r"for i in $(seq 20); do (printf '*1000000\r\n'; sleep 9) | nc 127.0.0.1 PORT & done",
        "sleep 1; ps -o rss= -p PID",
    ),
)
def promised(subject: Subject) -> None:
    """Check that a few bytes cost a few bytes."""
    with shared_store(subject) as other:
        before = rss_bytes(subject)
        promises = (b"*1000000\r\n", b"*3\r\n$3\r\nSET\r\n$7\r\niomux:a\r\n$500000000\r\n")
        for promise in promises:
            _promise(subject, other, promise, before)


def _promise(subject: Subject, other: Client, promise: bytes, before: int) -> None:
    with ExitStack() as stack:
        for _ in range(_PROMISING):
            stack.enter_context(client(subject)).send(promise)
        ask(other, "PING", PONG, "while others promise much, another client")
        settled(subject)
        if (grown := rss_bytes(subject) - before) > _MOST_GROWTH:
            raise Fault(f"memory grew by more than 64 MiB when 20 clients sent {told(promise[-12:])}", grown=grown)
