"""Stage A: a command is answered, on a connection that stays, to several clients, whatever its bytes are."""

from functools import partial

from iomux.conformance.redis import items
from iomux.conformance.redis.items import WORDS, cli, page, piped, spec, suite
from iomux.conformance.redis.talk import ERROR, ask, client, exactly, expect, store
from iomux.conformance.redis.wire import NIL, OK, PONG, bulk, command, said
from iomux.conformance.trial.items import ONE_AT_A_TIME
from iomux.conformance.trial.subject import Fault, NotSeen, Subject

item = partial(items.item, stage=WORDS)
_EVERY_BYTE = bytes(range(256))
_MANY, _KEY = 200, b" \xffiomux:\0\r\n"


@item(
    "ping",
    rule="a command is an array of bulk strings, and PING is answered by the simple string PONG",
    sent="a client sends PING",
    hint="The client sends *1, $4 and PING, each with CR LF; the answer is +PONG with CR LF, and nothing else.",
    man=f"{spec('Sending commands to a Redis server; Simple strings')}; {page('ping')}",
    run=piped(r"*1\r\n$4\r\nPING\r\n"),
    points=5,
)
def ping(subject: Subject) -> None:
    """Test one command."""
    with client(subject) as one:
        try:
            ask(one, "PING", PONG)
        except NotSeen as unknown:
            raise Fault(str(unknown)) from None


@item(
    "ping-text",
    rule="PING with an argument is answered by that argument as a bulk string",
    sent="a client sends PING hello",
    hint="A bulk string has its length first: $5, then hello, each with CR LF.",
    man=f"{spec('Bulk strings')}; {page('ping')}",
    run=cli("PING hello"),
)
def ping_text(subject: Subject) -> None:
    """Test an argument."""
    with client(subject) as one:
        ask(one, "PING hello", bulk("hello"))


@item(
    "stays",
    rule="the connection stays: a client may send as many commands as it likes, one after the other",
    sent="a client sends 200 times PING, each answered before the next",
    hint="Does your server close after an answer, or read only once?",
    man=spec("Request-response model"),
    run=piped(r"PING\r\nPING\r\n"),
)
def stays(subject: Subject) -> None:
    """Test many commands on one connection."""
    with client(subject) as one:
        for _ in range(_MANY):
            ask(one, "PING", PONG)


@item(
    "two-clients",
    rule="several clients are served at once, also while another one is silent or in the middle of a command",
    sent="two clients connect; the second sends PING, the first half of one, the second PING, the first the rest",
    hint="Where does your server wait for the first client? What has come of a command is kept for each client.",
    man="redis.io, Redis client handling (How client connections are accepted)",
    run=("sleep 9 | nc 127.0.0.1 PORT & redis-cli -p PORT PING",),
    exempt=ONE_AT_A_TIME,
)
def two_clients(subject: Subject) -> None:
    """Test that nobody waits for another one."""
    data = command("PING")
    with client(subject) as first, client(subject) as second:
        ask(second, data, PONG, "the second client")
        first.send(data[:7])
        ask(second, data, PONG, "the second client")
        first.send(data[7:])
        ask(first, b"", PONG, "the first client")


@item(
    "echo",
    rule="a bulk string may have any bytes in it, CR LF and zero as well: its length says where it ends",
    sent="a client sends ECHO with all 256 values of a byte, and with CR LF at its beginning, middle and end",
    hint="Count the bytes as the length says, don't look for a line's end in them, and decode nothing as text.",
    man=f"{spec('Bulk strings')}; {page('echo')}",
    run=piped(r"*2\r\n$4\r\nECHO\r\n$6\r\na\r\n\000\r\n\r\n"),
)
def echo(subject: Subject) -> None:
    """Test that values are bytes."""
    with client(subject) as one:
        for value in (b"a", _EVERY_BYTE, b"\r\na\r\nb\r\n", b"$3\r\nabc\r\n", b"\r\n"):
            ask(one, command("ECHO", value), bulk(value))


@item(
    "set-get",
    rule="GET returns what SET has stored last, to every client, and a null bulk string where there is nothing",
    sent="a client sends SET and GET, overwrites, and asks for a key that does not exist; another one asks, too",
    hint="A value is a bulk string: $5, then first. A missing one is $-1, not the empty string $0. All clients "
    "share one store.",
    man=f"{spec('Bulk strings; Null bulk strings')}; {page('set', 'get')}",
    run=cli("SET iomux:a first", "GET iomux:a", "GET iomux:gone"),
    points=4,
)
def set_get(subject: Subject) -> None:
    """Test what a store is for."""
    with store(subject) as one:
        ask(one, "GET iomux:gone", NIL)
        ask(one, "SET iomux:a first", OK)
        ask(one, "GET iomux:a", exactly("first"))
        ask(one, "SET iomux:b second", OK)
        ask(one, "SET iomux:a another", OK)
        ask(one, "GET iomux:a", exactly("another"))
        if subject.pid is not None:  # no key of anybody else
            ask(one, command("SET", _KEY, "bytes"), OK)
            ask(one, command("GET", _KEY), bulk("bytes"))
        one.socket.close()
        with client(subject) as other:
            ask(other, "GET iomux:b", bulk("second"), "another client, later,")


@item(
    "any-case",
    rule="a command's name is the same in capital and in small letters; keys are not",
    sent="a client sends ping, PiNg, set and GeT, and asks for a key in other letters",
    hint="Change the letters of the name only, never those of keys and values.",
    man=page("ping", "set"),
    run=cli("pInG"),
)
def any_case(subject: Subject) -> None:
    """Test names in other letters."""
    with store(subject) as one:
        words = ("ping", PONG), ("PiNg", PONG), ("set iomux:a Value", OK)
        for sent, due in (*words, ("GeT iomux:a", bulk("Value")), ("get iomux:A", NIL)):
            try:
                ask(one, sent, due)
            except NotSeen as unknown:
                raise Fault(f"in other letters than capital ones a command is not known: {unknown}") from None


@item(
    "unknown",
    rule="a command that does not exist is answered by an error, and the connection stays",
    sent="a client sends one that nobody knows, then PING; one with arguments, and one with CR LF in its name, each "
    "with PING in the same piece",
    hint="An error reply begins with a minus sign, and is one line: what you repeat of the command must not end it. "
    "It ends nothing: the client goes on.",
    man=spec("Simple errors"),
    run=cli("NOSUCHCOMMAND a b"),
)
def unknown(subject: Subject) -> None:
    """Test a command that does not exist."""
    with client(subject) as one:
        ask(one, "NOSUCHCOMMAND", ERROR)
        ask(one, "PING", PONG, "after an unknown command")
        for sent in (said("NOSUCHCOMMAND a b"), command(b"NO\r\nSUCH")):
            one.send(sent + said("PING"))
            expect(one, sent, ERROR)
            expect(one, said("PING"), PONG, "behind an unknown command")


@item(
    "arity",
    rule="a command with too few or too many arguments is answered by an error, changes nothing, and the connection "
    "stays",
    sent="a client sends GET alone, GET with two keys, SET with a key alone; then it asks for that key",
    hint="Compare the number of arguments with what the command takes, before you use any.",
    man=f"{spec('Simple errors')}; {suite('tests/unit/protocol.tcl')}",
    run=cli("GET", "GET a b", "SET iomux:a"),
)
def arity(subject: Subject) -> None:
    """Test a wrong number of arguments."""
    with store(subject) as one:
        ask(one, "SET iomux:a kept", OK)
        for wrong in ("GET", "GET iomux:a iomux:b", "SET iomux:a", "SET"):
            ask(one, wrong, ERROR)
        ask(one, "GET iomux:a", bulk("kept"))


@item(
    "inline",
    rule="a line of words is a command, too: so somebody with telnet is answered; it ends in CR LF, or in LF alone",
    sent="a client sends the line PING, lines with SET, GET and two blanks in a row, and one that ends in LF",
    hint="A command that does not begin with * is a line: split it at its blanks.",
    man=spec("Inline commands"),
    run=piped(r"PING\r\n"),
)
def inline(subject: Subject) -> None:
    """Test commands as one types them."""
    with store(subject) as one:
        ask(one, b"PING\r\n", PONG)
        ask(one, b"SET iomux:a typed\r\n", OK)
        ask(one, b"GET  iomux:a\r\n", bulk("typed"))
        ask(one, b"PING\n", PONG)
