"""One client of a store under test: what it asks, one whole reply to each, and what is said of a wrong one.

A reply is read to its own end, so that one that is wrong is seen as a whole, and what follows it is not mixed up with
it. A deadline is on progress: each `recv` has its time. A command that the store does not know is no fault of what is
tested: then the item can't be seen.
"""

import contextlib
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from iomux.conformance.redis.wire import NotAReply, end_of_reply, is_error, said, told
from iomux.conformance.trial.clients import CLOSED, MIB, RESET, connect, send_all
from iomux.conformance.trial.connecting import connect_narrow_from_home
from iomux.conformance.trial.subject import Fault, NotSeen, Subject, warm_up
from iomux.conformance.trial.window import escaped, window

KEYS = tuple(f"iomux:{name}" for name in ("a", "b", "c", "d", "gone", "big", "n"))
"""All keys that the items use on a store that runs already and may hold somebody's data; deleted afterwards."""
_UNKNOWN = re.compile(rb"-.*\b(?:unknown|not implemented|unsupported|not supported|no such command)\b", re.IGNORECASE)
_MOST_COLUMNS = 70


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
        b":%d\r\n" % most, lambda reply: bool(re.fullmatch(rb":-?\d+\r\n", reply)) and least <= int(reply[1:]) <= most
    )


class Client:
    """A connected client, and what has come and was not asked for yet."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.how = ""
        """Why no further reply came."""
        self._came = bytearray()

    def send(self, data: bytes) -> None:
        """Send all of it; if the store does not take it, its reply says why."""
        with contextlib.suppress(ConnectionError):
            try:
                send_all(self.socket, data)
            except TimeoutError:
                raise Fault("a client could not send: the server did not read its bytes") from None

    def reply(self) -> bytes:
        """One whole reply; or, if none comes or it is none, what has come, and `how` says why."""
        with contextlib.suppress(NotAReply):
            while not (end := end_of_reply(self._came)):
                if not self._more():
                    break
            else:
                reply = bytes(self._came[:end])
                del self._came[:end]
                return reply
            return self._rest()
        self.how = "that is no reply"
        return self._rest()

    def ended(self) -> bool:
        """Whether the end of the stream is what comes next."""
        return not self._came and not self._more() and self.how in (CLOSED, RESET)

    def _rest(self) -> bytes:
        rest = bytes(self._came)
        self._came.clear()
        return rest

    def _more(self) -> bool:
        try:
            piece = self.socket.recv(MIB)
        except TimeoutError:
            self.how = "nothing more came"
        except ConnectionError:
            self.how = RESET
        else:
            self.how = "" if piece else CLOSED
            self._came += piece
        return not self.how


@contextlib.contextmanager
def client(subject: Subject, narrow: bool = False) -> Iterator[Client]:
    """A connected client; narrow: one through which little fits."""
    with connect_narrow_from_home(subject) if narrow else connect(subject) as connected:
        yield Client(connected)


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
            ask(one, "PING", b"+PONG\r\n")
            ask(second, "PING", b"+PONG\r\n")
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
    wanted = due if isinstance(due, Due) else Due(due, due.__eq__)
    got = one.reply()
    if not wanted.fits(got):
        raise wrong(sent, got, wanted.shown, one.how, who)
    return got


def wrong(sent: bytes, got: bytes, due: bytes, how: str, who: str = "") -> Fault:
    """The fault of another reply than is due. Raises NotSeen if the store does not know the command."""
    if due[:1] != b"-" and is_error(got) and _UNKNOWN.match(got):
        raise NotSeen(f"this store does not know {told(sent).split(' ')[0]}: it answered {told(got)}")
    why = "the server ended the connection" if how in (CLOSED, RESET) else how
    came = f"was answered {told(got)}" if got else f"got no answer: {why}"
    after = "an error" if due == ERROR.shown else told(due)
    said_by = f"{who}: " if who else ""
    return Fault(f"{said_by}{told(sent)} {came}; due is {after}", window=shown(sent, got, due, why), how=how)


def shown(sent: bytes, got: bytes, due: bytes, how: str = "") -> list[str]:
    """What was sent, what is due and what came, and a caret under the first wrong byte."""
    text = escaped(sent[: 2 * _MOST_COLUMNS])
    return [f"sent: {text[:_MOST_COLUMNS]}{'…' if len(text) > _MOST_COLUMNS else ''}", *window(due, got, how)]
