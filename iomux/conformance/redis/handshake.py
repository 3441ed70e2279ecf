"""Stage D: how a connection begins, where a client chooses the version, and how it ends."""

import re
from functools import partial

from iomux.conformance.redis import items
from iomux.conformance.redis.client import Client
from iomux.conformance.redis.items import FRAMING, page, piped, spec, suite
from iomux.conformance.redis.talk import ERROR, Due, ask, client, shared_store, store, wrong
from iomux.conformance.redis.wire import NIL, OK, PONG, array, is_error, said, told
from iomux.conformance.trial.clients import RESET
from iomux.conformance.trial.subject import Fault, NotSeen, Subject

item = partial(items.item, stage=FRAMING)
_NULL = b"_\r\n"
_REFUSES_VERSION = re.compile(rb"-(?:NOPROTO\b|.*\b(?:unsupported|not supported)\b)", re.IGNORECASE)


@item(
    "hello",
    rule="a connection speaks RESP2 until it says HELLO 3: then a map is a map and null is _; HELLO 2 goes back, and "
    "another version is an error",
    sent="a client sends HELLO 2, HELLO 3, HELLO 9 and HELLO 2, and after each asks for a key that does not exist; "
    "behind HELLO 3 another client asks for it, too",
    hint="What a client has chosen is kept for each connection. Some clients begin with HELLO 3, and end at an error.",
    man=f"{spec('RESP versions; Maps; Nulls')}; {page('hello')}",
    run=("redis-cli -3 -p PORT HELLO 3", "redis-cli -3 -p PORT GET iomux:gone"),
)
def hello(subject: Subject) -> None:
    """Test the handshake. A store that speaks RESP2 only, and says so, does no wrong."""
    with store(subject) as one:
        for version, kind, null in (("2", b"*", NIL), ("3", b"%", _NULL), ("2", b"*", NIL)):
            _says_hello(one, version, _handshake(kind, version))
            ask(one, "GET iomux:gone", null)
            ask(one, "HELLO 9", ERROR)
            ask(one, "GET iomux:gone", null)
            one.send(said("MGET iomux:gone"))
            if (got := one.reply()) != array(null) and not is_error(got):
                raise wrong(one, said("MGET iomux:gone"), got, array(null))
            if version == "3":
                _others_speak_theirs(subject)


def _says_hello(one: Client, version: str, due: Due) -> None:
    """Choose a version. Raises NotSeen if the store has only the older one."""
    one.send(said(f"HELLO {version}"))
    got = one.reply()
    if version == "3" and _REFUSES_VERSION.match(got):
        raise NotSeen(f"this store speaks RESP2 only: HELLO 3 was answered {told(got)}")
    if not due.fits(got):
        raise wrong(one, said(f"HELLO {version}"), got, due.shown)


def _others_speak_theirs(subject: Subject) -> None:
    """Ask beside a client that speaks RESP3; nobody can where one client is served at a time."""
    with client(subject) as second:
        second.send(said("PING"))
        if second.reply() == PONG:
            ask(second, "GET iomux:gone", NIL, "one that has said no HELLO, beside one that speaks RESP3")


def _handshake(kind: bytes, version: str) -> Due:
    """The answer to HELLO: a map, or its elements in an array; it has the version in it, its name in either form."""
    pairs = [name + b"\r\n:%b\r\n" % version.encode() for name in (b"$5\r\nproto", b"+proto")]
    return Due(kind + b"7\r\n", lambda reply: reply.startswith(kind) and any(pair in reply for pair in pairs))


@item(
    "quit",
    rule="QUIT is answered by OK, then the connection ends; what is behind it is not carried out",
    sent="a client sends QUIT with a SET behind it in the same piece; another one asks for that key",
    hint="First the answer, then the end.",
    man=f"{page('quit')}; {suite('tests/unit/quit.tcl')}",
    run=piped(r"QUIT\r\nPING\r\n"),
    points=1,
)
def quit_(subject: Subject) -> None:
    """Test a goodbye."""
    with shared_store(subject) as other:
        for behind in (b"", said("SET iomux:a late")):
            with client(subject) as one:
                one.send(said("QUIT") + behind)
                if (got := one.reply()) != OK and not (behind and not got and one.how == RESET):
                    raise wrong(one, said("QUIT"), got, OK)
                if not one.ended():
                    raise Fault("after QUIT the connection did not end")
        ask(other, "GET iomux:a", NIL, "after a QUIT with a SET behind it")
