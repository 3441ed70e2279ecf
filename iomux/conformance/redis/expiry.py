"""Stage B: keys that live for a while. A right store may be slow to notice an end, and is given the time to."""

import time
from functools import partial

from iomux.conformance.redis import items
from iomux.conformance.redis.client import Client
from iomux.conformance.redis.items import TIME, cli, page, suite
from iomux.conformance.redis.talk import ERROR, ask, ask_until, between, store, wrong
from iomux.conformance.redis.wire import NIL, OK, bulk, integer, is_error, said
from iomux.conformance.trial.subject import PATIENCE, Fault, NotSeen, Subject

item = partial(items.item, stage=TIME)
_SHORT_MS, _LONG_MS, _LONG_S = 60, 100_000, 100
_LOOK_SECONDS = 0.02
_BRIEF_MS, _SURE_SECONDS = 900, 0.6  # a store may look at its clock now and then


def _stored(one: Client, *commands: str) -> None:
    """Send commands that are another item's affair. Raises NotSeen if they are not answered by OK."""
    try:
        for words in commands:
            ask(one, words, OK)
    except Fault as fault:
        raise NotSeen(f"{fault.seen}: see the items set-get and expires") from None


def _comes(one: Client, words: str, due: bytes) -> bool:
    """Whether a command is answered so within seconds; the last look is behind them: a busy machine accuses nobody."""
    until, last = time.monotonic() + 1.0 + PATIENCE, False  # EX 1 lives for as long
    while not last:
        last = time.monotonic() > until
        one.send(said(words))
        if (got := one.reply()) == due:
            return True
        if one.how:
            raise wrong(one, said(words), got, due)
        time.sleep(_LOOK_SECONDS)
    return False


def _knows(one: Client, words: str, due: bytes) -> bool:
    """Whether a command is answered, and not by an error: some stores know only a few. due: for one without a reply."""
    one.send(said(words))
    got = one.reply()
    if one.how:
        raise wrong(one, said(words), got, due)
    return not is_error(got)


@item(
    "expires",
    rule="a key that is set with PX lives so many milliseconds: until then it is there, afterwards it is not",
    sent="a client sets a key with PX 100000 and asks at once, and some with PX 60, and asks for one until it is gone, "
    "by EXISTS for another one, and sends SET with NX of a third; looks at one with PX 900; waits for EX 1, EXPIRE 1",
    hint="Keep the moment of its end beside the value, in milliseconds, and look at it whenever a key is asked for.",
    man=page("set"),
    run=cli("SET iomux:a short PX 60", "GET iomux:a", "EXISTS iomux:a"),
)
def expires(subject: Subject) -> None:
    """Test that a key ends, for every command."""
    with store(subject) as one:
        ask(one, f"SET iomux:a long PX {_LONG_MS}", OK)
        ask(one, "GET iomux:a", bulk("long"))
        ask(one, f"SET iomux:b seconds EX {_LONG_S}", OK)
        for key, word in (("c", "PX"), ("d", "PX"), ("a", "px")):
            ask(one, f"SET iomux:{key} short {word} {_SHORT_MS}", OK)
        if not _comes(one, "GET iomux:a", NIL):
            raise Fault(f"a key that was set with px {_SHORT_MS} was still there after seconds")
        _over_for_all(one)
        ask(one, "GET iomux:b", bulk("seconds"))
        _ends_when_it_should(one)


def _ends_when_it_should(one: Client) -> None:
    """Check that a key does not end early, and that one whose time is given in seconds ends."""
    ask(one, "SET iomux:n short EX 1", OK)
    ask(one, "SET iomux:big short", OK)
    keys = {"n": "set with EX 1"}
    if _knows(one, "EXPIRE iomux:big 1", integer(1)):
        keys["big"] = "given a time by EXPIRE 1"
    sure = time.monotonic() + _SURE_SECONDS
    ask(one, f"SET iomux:a brief PX {_BRIEF_MS}", OK)
    if _knows(one, "PTTL iomux:gone", integer(-2)):
        ask_until(sure - _SURE_SECONDS / 2, one, "PTTL iomux:a", between(1, _BRIEF_MS))
    ask_until(sure, one, "GET iomux:a", bulk("brief"))
    for key, how in keys.items():
        if not _comes(one, f"GET iomux:{key}", NIL):
            raise Fault(f"a key that was {how} was still there after seconds")


def _over_for_all(one: Client) -> None:
    """Check keys whose time is over by commands other than GET, which may be the one that takes them away."""
    if _knows(one, "EXISTS iomux:gone", integer(0)) and not _comes(one, "EXISTS iomux:c", integer(0)):
        raise Fault("a key whose time is over is gone for GET, and one that nobody has asked for is there for EXISTS")
    if _knows(one, "SET iomux:gone x XX", NIL) and not _comes(one, "SET iomux:d x NX", OK):
        raise Fault("a key whose time is over is gone for GET, and one that nobody has asked for is there for SET NX")


@item(
    "ttl",
    rule="TTL tells the seconds that are left, PTTL the milliseconds: -1 for a key without an end, -2 for no key; "
    "EXPIRE sets them, and returns 0 if there is no key",
    sent="a client asks TTL and PTTL of a key without an end, of none, and after EX 100 and EXPIRE 100; EXPIRE of none",
    hint="Three answers are to be told apart: there is no key, it has no end, it ends in so many seconds.",
    man=page("ttl", "pttl", "expire"),
    run=cli("SET iomux:a x EX 100", "TTL iomux:a", "PTTL iomux:a", "TTL iomux:gone", "EXPIRE iomux:gone 100"),
)
def ttl(subject: Subject) -> None:
    """Test what is left."""
    with store(subject) as one:
        _stored(one, "SET iomux:a x", f"SET iomux:b x EX {_LONG_S}")
        for unit, most in (("TTL", _LONG_S), ("PTTL", _LONG_MS)):
            ask(one, f"{unit} iomux:a", integer(-1))
            ask(one, f"{unit} iomux:gone", integer(-2))
            ask(one, f"{unit} iomux:b", between(most // 2, most))  # a minute may pass on a machine that is busy
        ask(one, f"EXPIRE iomux:gone {_LONG_S}", integer(0))
        ask(one, "GET iomux:gone", NIL)
        ask(one, f"EXPIRE iomux:a {_LONG_S}", integer(1))
        ask(one, "TTL iomux:a", between(_LONG_S // 2, _LONG_S))


@item(
    "set-ends-ttl",
    rule="SET takes a key's time away, unless KEEPTTL is said; so does PERSIST, which returns whether there was one",
    sent="a client sets keys with EX 100, then sets them again, with and without KEEPTTL, and sends PERSIST twice",
    hint="A new value is a new key, with no end. What do you keep beside a value, and who removes it?",
    man=page("set", "persist", "expire"),
    run=cli("SET iomux:a x EX 100", "SET iomux:a y", "TTL iomux:a"),
)
def set_ends_ttl(subject: Subject) -> None:
    """Test which commands take a time away."""
    with store(subject) as one:
        _stored(one, f"SET iomux:a x EX {_LONG_S}", "SET iomux:a y")
        ask(one, "TTL iomux:a", integer(-1))
        _stored(one, f"SET iomux:a x EX {_LONG_S}")
        ask(one, "SET iomux:a y KEEPTTL", OK)
        ask(one, "GET iomux:a", bulk("y"))
        ask(one, "TTL iomux:a", between(1, _LONG_S))
        ask(one, "PERSIST iomux:a", integer(1))
        ask(one, "TTL iomux:a", integer(-1))
        ask(one, "PERSIST iomux:a", integer(0))


@item(
    "conditions",
    rule="SET with NX sets only a key that does not exist, with XX only one that does, else nothing and a null answer; "
    "with GET the answer is the old value",
    sent="a client sends SET with NX and XX for a key that exists and for one that does not, and with GET",
    hint="What counts is whether the key exists at this moment: one whose time is over does not.",
    man=page("set"),
    run=cli("SET iomux:a x", "SET iomux:a y NX", "SET iomux:gone y XX", "SET iomux:a z GET"),
)
def conditions(subject: Subject) -> None:
    """Test the conditions of SET."""
    with store(subject) as one:
        ask(one, "SET iomux:a x XX", NIL)
        ask(one, "GET iomux:a", NIL)
        ask(one, "SET iomux:a x NX", OK)
        ask(one, "SET iomux:a y NX", NIL)
        ask(one, "GET iomux:a", bulk("x"))
        ask(one, "SET iomux:a y XX", OK)
        ask(one, "SET iomux:a z GET", bulk("y"))
        ask(one, "GET iomux:a", bulk("z"))
        ask(one, "SET iomux:gone z GET", NIL)


@item(
    "past",
    rule="EXPIRE with a time that is over deletes the key, and returns 1",
    sent="a client sets two keys, and sends EXPIRE with -1 and with 0",
    hint="An end in the past is an end: the key is gone with the answer, not with the next round of a timer.",
    man=page("expire"),
    run=cli("SET iomux:a x", "EXPIRE iomux:a -1", "GET iomux:a"),
)
def past(subject: Subject) -> None:
    """Test an end that is over."""
    with store(subject) as one:
        for seconds in (-1, 0):
            _stored(one, "SET iomux:a x")
            ask(one, f"EXPIRE iomux:a {seconds}", integer(1))
            ask(one, "GET iomux:a", NIL)


@item(
    "bad-expiry",
    rule="a time that is none is refused by an error, and the key keeps its value",
    sent="a client sends SET with EX 0, EX -1, EX x, EX alone, EX 9223372036854775807, and EX with PX",
    hint="Look at all arguments before you change anything. As milliseconds the largest number does not fit any more.",
    man=f"{page('set')}; {suite('tests/unit/expire.tcl')}",
    run=cli("SET iomux:a x EX 0", "SET iomux:a x EX", "SET iomux:a x EX 1 PX 1", "GET iomux:a"),
)
def bad_expiry(subject: Subject) -> None:
    """Test times that are none."""
    with store(subject) as one:
        _stored(one, "SET iomux:a kept", f"SET iomux:b x EX {_LONG_S}")
        for time_given in ("EX 0", "EX -1", "EX x", "EX", f"EX {2**63 - 1}", "EX 10 PX 10000"):
            ask(one, f"SET iomux:a lost {time_given}", ERROR)
        ask(one, "GET iomux:a", bulk("kept"))
