"""What is asked of a store under test, the reply that is due to it, and what is said of a wrong one.

A command that the store does not know is no fault of what is tested: then the item can't be seen.
"""

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from iomux.conformance.redis.client import BEHIND, Client
from iomux.conformance.redis.wire import PONG, bulk, is_error, said, told
from iomux.conformance.trial.clients import connect
from iomux.conformance.trial.connecting import connect_narrow_from_home
from iomux.conformance.trial.items import warm_up
from iomux.conformance.trial.subject import Fault, NotSeen, Subject
from iomux.conformance.trial.window import escaped, window

KEYS = tuple(f"iomux:{name}" for name in ("a", "b", "c", "d", "gone", "big", "n"))
"""All keys that the items use on a store that runs already and may hold somebody's data; deleted afterwards."""
_UNKNOWN = re.compile(
    rb"-.*\b(?:unknown|unrecogni[sz]ed|not implemented|unsupported|not supported|no such command|"
    rb"(?:invalid|bad) command|command not found)\b(?!\W+(?:key|value|option)\b)",
    re.IGNORECASE,
)
_PLAIN = {
    "PING": "PING",
    "SET": "SET iomux:gone x",
    "EXPIRE": "EXPIRE iomux:gone 100",
    "DEL": "DEL iomux:gone",
    "EXISTS": "EXISTS iomux:gone",
    "MGET": "MGET iomux:gone",
    "HELLO": "HELLO 2",
}
"""The plainest form of commands that are asked in others, too: a store that refuses only these knows the command."""
_MOST_COLUMNS = 70
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Due:
    """A reply that may be one of several."""

    shown: bytes
    """One that would be right, for the report."""
    fits: Callable[[bytes], bool]


ERROR = Due(b"-ERR \r\n", is_error)
"""Any error: its words are the store's own affair."""


def between(least: int, most: int) -> Due:
    """An integer reply in this range."""
    return Due(
        b":%d\r\n" % most,
        lambda reply: bool(re.fullmatch(rb":-?\d{1,19}\r\n", reply)) and least <= int(reply[1:]) <= most,
    )


@contextlib.contextmanager
def client(subject: Subject, narrow: bool = False) -> Iterator[Client]:
    """A connected client; narrow: one through which little fits."""
    with connect_narrow_from_home(subject) if narrow else connect(subject) as connected:
        yield Client(connected, subject)


@contextlib.contextmanager
def store(subject: Subject) -> Iterator[Client]:
    """A client of a store without the keys that are used here; they are deleted afterwards, too."""
    _forget(subject)
    try:
        with client(subject) as one:
            yield one
    finally:
        _forget(subject)


@contextlib.contextmanager
def shared_store(subject: Subject) -> Iterator[Client]:
    """As `store`, where others come meanwhile. Raises NotSeen if they are not served: that is an item of its own."""
    with store(subject) as one:
        with warm_up("two-clients"), client(subject) as second:
            ask(one, "PING", PONG)
            ask(second, "PING", PONG)
        yield one


def _forget(subject: Subject) -> None:
    """Delete our keys in a store that was not started for this item."""
    if subject.pid is None:
        with contextlib.suppress(Fault, OSError), client(subject) as other:
            other.send(said("DEL " + " ".join(KEYS)))
            other.reply()


def ask(one: Client, sent: bytes | str, due: bytes | Due, who: str = "") -> bytes:
    """Send a command (its words, or its bytes) and return the reply. Raises Fault unless it is the one that is due.

    who: what is said of the client, where there are several.
    """
    data = said(sent) if isinstance(sent, str) else sent
    one.send(data)
    return expect(one, data, due, who)


def expect(one: Client, sent: bytes, due: bytes | Due, who: str = "") -> bytes:
    """One reply to what was sent. Raises Fault unless it is the one that is due, NotSeen if the command is unknown."""
    wanted, got = _wanted(due), one.reply()
    if not wanted.fits(got):
        raise wrong(one, sent, got, wanted.shown, who)
    return got


def _wanted(due: bytes | Due) -> Due:
    return due if isinstance(due, Due) else Due(due, lambda reply: due in (reply, as_bulk(reply)))


def ask_until(end: float, one: Client, words: str, due: bytes | Due) -> None:
    """Ask again and again. Raises Fault for another reply that came before the end: later ones tell nothing here.

    end: by time.monotonic(); on a busy machine it may be over with the first reply, and nothing is known.
    """
    while True:
        one.send(said(words))
        got = one.reply()
        if time.monotonic() > end:
            return
        if not _wanted(due).fits(got):
            raise wrong(one, said(words), got, _wanted(due).shown, "long before a key's time is over")
        time.sleep(_LOOK_SECONDS)


def needs_inline(one: Client) -> None:
    """Raise NotSeen unless the store takes a line of words for a command."""
    with warm_up("inline"):
        ask(one, b"PING\r\n", PONG)


def as_bulk(reply: bytes) -> bytes:
    """A value that came as a simple string, as a bulk string: a store that does this fails the item set-get only."""
    return bulk(reply[1:-2]) if reply[:1] == b"+" else reply


def exactly(text: bytes | str) -> Due:
    """This text as a bulk string, and in no other form."""
    due = bulk(text)
    return Due(due, due.__eq__)


def wrong(one: Client, sent: bytes, got: bytes, due: bytes, who: str = "") -> Fault:
    """The fault of another reply than is due. Raises NotSeen if the store does not know the command."""
    how, why = one.how, one.ending()
    if sent[:1] == b"*" and due[:1] != b"-" and _is_unknown(one, told(sent), got):
        raise NotSeen(f"this store does not know {told(sent).split(' ')[0]}: it answered {told(got)}")
    came = f"was answered {told(got)}" if got and how != BEHIND else f"got no answer: {why}"
    after = "an error" if due == ERROR.shown else told(due)
    said_by = f"{who}: " if who else ""
    return Fault(f"{said_by}{told(sent)} {came}; due is {after}", window=shown(sent, got, due, why), how=how)


def _is_unknown(one: Client, asked: str, got: bytes) -> bool:
    """Whether an error says that the store does not know the command; not if it refuses what else was in it."""
    if not is_error(got) or not _UNKNOWN.match(got):
        return False
    if (plain := _PLAIN.get(asked.split(" ")[0], asked)) == asked:
        return True
    one.send(said(plain))
    return bool(_UNKNOWN.match(one.reply()))


def shown(sent: bytes, got: bytes, due: bytes, how: str = "") -> list[str]:
    """What was sent, what is due and what came, and a caret under the first wrong byte."""
    text = escaped(sent[: 2 * _MOST_COLUMNS])
    return [f"sent: {text[:_MOST_COLUMNS]}{'…' if len(text) > _MOST_COLUMNS else ''}", *window(due, got, how)]
