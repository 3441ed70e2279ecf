"""Stage C: what a value is: bytes, or a number of 64 bits that is written as such."""

from functools import partial

from iomux.conformance.redis import items
from iomux.conformance.redis.client import Client
from iomux.conformance.redis.items import VALUES, cli, page, piped, spec, suite
from iomux.conformance.redis.talk import ERROR, as_bulk, ask, between, shown, store
from iomux.conformance.redis.wire import NIL, OK, array, bulk, command, integer, told
from iomux.conformance.trial.clients import MIB, message
from iomux.conformance.trial.subject import Fault, NotSeen, Subject

item = partial(items.item, stage=VALUES)
_MOST, _LEAST = 2**63 - 1, -(2**63)
_LARGE_BYTES = 8 * MIB


def _set(one: Client, key: str, value: str | bytes | int) -> None:
    try:
        ask(one, command("SET", key, value), OK)
    except Fault as fault:
        raise NotSeen(f"{fault.seen}: see the item set-get") from None


@item(
    "incr",
    rule="INCR and its kin count a value that is a number of 64 bits written in decimal, from 0 if there is none; any "
    "other value is an error",
    sent="a client sends INCR of no key, INCRBY, DECR, DECRBY; INCR of abc, of ' 12', of 012, of 1.0 and the like",
    hint="Which texts does your language take for a number? Only -?[1-9][0-9]* and 0 are meant here.",
    man=f"{page('incr', 'incrby')}; {suite('tests/unit/type/incr.tcl')}",
    run=cli("INCR iomux:n", "SET iomux:a ' 12'", "INCR iomux:a"),
)
def incr(subject: Subject) -> None:
    """Test counting."""
    with store(subject) as one:
        ask(one, "INCR iomux:n", integer(1))
        ask(one, "INCR iomux:n", integer(2))
        for words, value in (("INCRBY iomux:n 40", 42), ("DECR iomux:n", 41), ("DECRBY iomux:n 50", -9)):
            ask(one, words, integer(value))
        ask(one, "GET iomux:n", bulk("-9"))
        ask(one, "INCRBY iomux:n x", ERROR)
        for text in (b"abc", b" 12", b"12 ", b"012", b"+1", b"1.0", b"-"):
            _set(one, "iomux:a", text)
            ask(one, "INCR iomux:a", ERROR)
            ask(one, "GET iomux:a", bulk(text))


@item(
    "overflow",
    rule="a number has 64 bits: what would be more is an error, and the value stays",
    sent="a client sets 9223372036854775807 and sends INCR, and -9223372036854775808 and sends DECR",
    hint="Numbers of your language may have no end, or begin anew from below: look at the limits before you count.",
    man=page("incr", "incrby"),
    run=cli("SET iomux:n 9223372036854775807", "INCR iomux:n", "GET iomux:n"),
)
def overflow(subject: Subject) -> None:
    """Test both ends of the numbers."""
    with store(subject) as one:
        for words, value, near in (("INCR", _MOST, _MOST - 1), ("DECR", _LEAST, _LEAST + 1)):
            _set(one, "iomux:n", near)
            ask(one, f"{words} iomux:n", integer(value))
            ask(one, f"{words} iomux:n", ERROR)
            ask(one, "GET iomux:n", bulk(str(value)))


@item(
    "incr-ttl",
    rule="INCR changes the value and leaves the key its time; a key that was deleted begins anew, without one",
    sent="a client sets a number with EX 100, sends INCR, and asks TTL; then DEL, INCR and TTL",
    hint="Only SET begins a key anew. What does your INCR write, and what does it lose?",
    man=page("expire", "incr"),
    run=cli("SET iomux:n 1 EX 100", "INCR iomux:n", "TTL iomux:n"),
)
def incr_ttl(subject: Subject) -> None:
    """Test that a counter still ends."""
    with store(subject) as one:
        try:
            ask(one, "SET iomux:n 1 EX 100", OK)
            ask(one, "TTL iomux:n", between(1, 100))
            ask(one, "INCR iomux:n", integer(2))
        except Fault as fault:
            raise NotSeen(f"{fault.seen}: see the items ttl and incr") from None
        ask(one, "TTL iomux:n", between(1, 100))
        one.send(command("DEL", "iomux:n"))
        if one.reply() == integer(1):
            ask(one, "INCR iomux:n", integer(1), "after DEL of a key that had a time")
            ask(one, "TTL iomux:n", integer(-1), "after DEL and INCR of a key that had a time")


@item(
    "del-exists",
    rule="DEL returns how many keys it has deleted, EXISTS how many of those that it names exist",
    sent="a client sends EXISTS and DEL of keys that exist and one that does not, and EXISTS of one key twice",
    hint="Count what was there, not how many were named; but EXISTS counts each time that a key is named.",
    man=page("del", "exists"),
    run=cli("SET iomux:a x", "EXISTS iomux:a iomux:a iomux:gone", "DEL iomux:a iomux:a", "GET iomux:a"),
)
def del_exists(subject: Subject) -> None:
    """Test the two that count keys."""
    with store(subject) as one:
        _set(one, "iomux:a", "x")
        _set(one, "iomux:b", "x")
        ask(one, "EXISTS iomux:a iomux:b iomux:gone", integer(2))
        ask(one, "EXISTS iomux:a iomux:a", integer(2))
        ask(one, "DEL iomux:a iomux:gone iomux:a", integer(1))
        ask(one, "GET iomux:a", NIL)
        ask(one, "EXISTS iomux:a", integer(0))
        ask(one, "GET iomux:b", bulk("x"))


@item(
    "append",
    rule="APPEND adds bytes to a value, or begins one, and returns its length; STRLEN returns the length in bytes",
    sent="a client sends APPEND to no key and to one, with bytes that are no text; STRLEN of it and of no key",
    hint="A length counts bytes, not letters.",
    man=page("append", "strlen"),
    run=cli("APPEND iomux:a abc", "APPEND iomux:a def", "STRLEN iomux:a", "STRLEN iomux:gone"),
)
def append(subject: Subject) -> None:
    """Test what grows."""
    with store(subject) as one:
        ask(one, "APPEND iomux:a abc", integer(3))
        ask(one, command("APPEND", "iomux:a", "é".encode() + b"\xff\0"), integer(7))
        ask(one, "STRLEN iomux:a", integer(7))
        ask(one, "GET iomux:a", bulk(b"abc\xc3\xa9\xff\0"))
        ask(one, "STRLEN iomux:gone", integer(0))


@item(
    "empty",
    rule="the empty string is a value, and a key: $0 is not the null $-1",
    sent="a client sets an empty value, and a value under the empty key, and asks for both",
    hint="Is an empty value false in your language? Ask whether the key is there, not whether its value is true.",
    man=spec("Bulk strings; Null bulk strings"),
    run=cli('SET iomux:a ""', "GET iomux:a"),
)
def empty(subject: Subject) -> None:
    """Test nothing as something."""
    with store(subject) as one:
        ask(one, command("SET", "iomux:a", ""), OK)
        ask(one, "GET iomux:a", bulk(""))
        if subject.pid is not None:  # in a store that runs already the empty key may be somebody's
            ask(one, command("GET", ""), NIL)
            ask(one, command("SET", "", "under no name"), OK)
            ask(one, command("GET", ""), bulk("under no name"))


@item(
    "large",
    rule="a value of 8 MiB comes back byte for byte",
    sent="a client sets a value of 8 MiB of random bytes, and gets it",
    hint="It arrives in many pieces, and leaves in many. How much do you copy each time that a piece arrives?",
    man=spec("Bulk strings"),
    run=("head -c 8388608 /dev/urandom | redis-cli -p PORT -x SET iomux:big", *cli("STRLEN iomux:big")),
)
def large(subject: Subject) -> None:
    """Test a value that is more than any buffer."""
    with store(subject) as one:
        value = message(_LARGE_BYTES)
        data = command("SET", "iomux:big", value)
        one.send(data)
        if (reply := one.reply()) != OK:
            raise Fault(f"SET of 8 MiB: {told(reply) or one.how}; due is +OK", how=one.how)
        one.send(command("GET", "iomux:big"))
        if bulk(value) not in (reply := one.reply(), as_bulk(reply)):
            ended = f": {one.ending()}" if one.how else ""
            raise Fault(
                f"GET of 8 MiB: other bytes came than had been set, or not all of them{ended}",
                window=shown(command("GET", "iomux:big"), reply, bulk(value), one.how),
            )


@item(
    "mget",
    rule="MGET returns an array of as many values as keys were named, in their order, null where there is none; MSET "
    "sets several",
    sent="a client sends MSET of two keys, then MGET of these and one that does not exist between them",
    hint="A key without a value has its place in the answer, as $-1.",
    man=f"{spec('Arrays; Null elements in arrays')}; {page('mget', 'mset')}",
    run=piped(r"*4\r\n$4\r\nMGET\r\n$7\r\niomux:a\r\n$10\r\niomux:gone\r\n$7\r\niomux:b\r\n"),
)
def mget(subject: Subject) -> None:
    """Test an array with a hole."""
    with store(subject) as one:
        _set(one, "iomux:a", "x")
        _set(one, "iomux:b", "y")
        ask(one, "MGET iomux:a iomux:gone iomux:b", array(bulk("x"), NIL, bulk("y")))
        ask(one, "MGET iomux:gone", array(NIL))
        ask(one, "MSET iomux:c 1 iomux:d 2", OK)
        ask(one, "MGET iomux:d iomux:c", array(bulk("2"), bulk("1")))
        ask(one, "MSET iomux:c 1 iomux:d", ERROR)
