"""Stage D: where a command ends. TCP keeps no messages, so a command may arrive in any pieces, and many in one."""

import time
from functools import partial

from iomux.conformance.redis import items
from iomux.conformance.redis.client import Client
from iomux.conformance.redis.items import FRAMING, cli, piped, spec, suite
from iomux.conformance.redis.talk import as_bulk, ask, expect, needs_inline, shown, store
from iomux.conformance.redis.wire import NIL, OK, PONG, bulk, command, told
from iomux.conformance.trial.items import warm_up
from iomux.conformance.trial.subject import Fault, Subject

item = partial(items.item, stage=FRAMING)
_HUNDREDS = 1000
_PAUSE_SECONDS = 0.001
_VALUE = b"x\r\ny\r\n$3\r\n"
_FOUR = (
    (command("PING"), PONG),
    (command("SET", "iomux:a", _VALUE), OK),
    (command("GET", "iomux:a"), bulk(_VALUE)),
    (command("GET", "iomux:gone"), NIL),
)
_SENT, _DUE = b"".join(sent for sent, _ in _FOUR), b"".join(due for _, due in _FOUR)


def _whole(one: Client) -> None:
    """Send the four commands one after the other: what is wrong then is not how they are cut."""
    with warm_up("set-get"):
        for sent, due in _FOUR:
            ask(one, sent, due)


def _in_parts(one: Client, parts: list[bytes], how: str) -> None:
    """Send the four commands in these parts. Raises Fault unless all four are answered, and rightly."""
    for part in parts:
        one.send(part)
        time.sleep(_PAUSE_SECONDS)
    got = b""
    for _, due in _FOUR:
        got += (reply := one.reply())
        if due not in (reply, as_bulk(reply)):
            seen = f"four commands that came {how} were not answered as when they come whole"
            raise Fault(seen, window=shown(_SENT, got, _DUE, one.how), parts=[len(part) for part in parts])


@item(
    "pipeline",
    rule="a client need not wait for an answer before it sends the next command: answers come in order, one for each",
    sent="a client sends 1,000 commands, SET and GET in turn, in one piece, and then reads",
    hint="A piece that you receive may have many commands in it, and half of one at its end: go on until no whole one "
    "is left.",
    man="redis.io, Redis pipelining",
    run=piped(r"PING\r\nPING\r\nPING\r\n"),
)
def pipeline(subject: Subject) -> None:
    """Test many commands in one piece."""
    with store(subject) as one:
        _whole(one)
        asked = [
            (command("GET", "iomux:b"), bulk(str(number - 1)))
            if number % 2
            else (command("SET", "iomux:b", number), OK)
            for number in range(_HUNDREDS)
        ]
        one.send(b"".join(sent for sent, _ in asked))  # the answers fit into the kernel's buffers
        for sent, due in asked:
            expect(one, sent, due, "of 1,000 in one piece")


@item(
    "every-cut",
    rule="a command may be cut in two at any byte, and is one all the same",
    sent="a client sends four commands in two parts, and so again for each byte after which they can be cut",
    hint="Keep what is left of the bytes, for each client, until the next ones come: also between CR and LF, and in "
    "the middle of a length.",
    man=spec("Sending commands to a Redis server"),
    run=(r"(printf '*1\r\n$4\r\nPI'; sleep 1; printf 'NG\r\n') | nc -q 1 127.0.0.1 PORT",),
)
def every_cut(subject: Subject) -> None:
    """Test each place where the commands can be cut."""
    with store(subject) as one:
        _whole(one)
        for place in range(1, len(_SENT)):
            _in_parts(one, [_SENT[:place], _SENT[place:]], "in two parts")


@item(
    "byte-by-byte",
    rule="a command may arrive byte by byte",
    sent="a client sends four commands, one byte at a time",
    hint="What does your server do with a piece in which no command ends, and with the next one?",
    man=spec("Sending commands to a Redis server"),
    run=(r"for c in P I N G '\r' '\n'; do printf $c; sleep 0.2; done | nc -q 1 127.0.0.1 PORT",),
)
def byte_by_byte(subject: Subject) -> None:
    """Test the smallest pieces."""
    with store(subject) as one:
        _whole(one)
        _in_parts(one, [_SENT[place : place + 1] for place in range(len(_SENT))], "byte by byte")


@item(
    "empty-lines",
    rule="an empty line, an array of no elements and a null array are passed over without an answer",
    sent="a client sends an empty line, *0 and *-1, each followed by PING in the same piece",
    hint="Nothing is no command: there is no answer to it, and the next command is answered as usual.",
    man=f"{spec('Inline commands; Null arrays')}; {suite('tests/unit/protocol.tcl')}",
    run=piped(r"\r\n*0\r\n*-1\r\nPING\r\n"),
)
def empty_lines(subject: Subject) -> None:
    """Test what is no command."""
    with store(subject) as one:
        for nothing in (b"*0\r\n", b"*-1\r\n"):
            ask(one, nothing + command("PING"), PONG)
        needs_inline(one)  # an empty line is one of no words
        for nothing in (b"\r\n", b"\r\n\r\n"):
            ask(one, nothing + command("PING"), PONG)


@item(
    "quotes",
    rule="a word of a line may stand in quotes; in double ones a backslash and n, x41 or a quote mean one byte, in "
    "single ones only a backslash and a quote",
    sent="a client sends lines with SET and quoted values, and asks for them",
    hint="Split the line yourself: blanks in quotes are a part of the word, and two quotes with nothing between are an "
    "empty word.",
    man=suite("src/sds.c (sdssplitargs)"),
    run=(*piped(r'SET iomux:a "two words\\n"\r\n'), *cli("GET iomux:a")),
)
def quotes(subject: Subject) -> None:
    """Test words in quotes."""
    with store(subject) as one:
        needs_inline(one)
        for word, value in (
            (rb'"two words"', b"two words"),
            (rb"'two words'", b"two words"),
            (rb'"\n\r\t\"\\"', b'\n\r\t"\\'),
            (rb'"\x41\x00\xff"', b"A\0\xff"),
            (rb"'it\'s \n'", b"it's \\n"),
            (rb'""', b""),
        ):
            ask(one, b"SET iomux:a " + word + b"\r\n", OK)
            one.send(command("GET", "iomux:a"))
            if bulk(value) not in (got := one.reply(), as_bulk(got)):
                sent = b"SET iomux:a " + word
                raise Fault(f"after {told(sent)} the value was not that word", window=shown(sent, got, bulk(value)))
