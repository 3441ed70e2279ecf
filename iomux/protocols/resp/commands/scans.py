"""SCAN and its sisters: all keys, or all that is in a value, in portions. A value is given in one portion, as it is.

Source: redis.io, command SCAN.
"""

from typing import NamedTuple

from iomux.protocols.resp.base.numbers import integer as number
from iomux.protocols.resp.base.numbers import shown
from iomux.protocols.resp.base.patterns import pattern
from iomux.protocols.resp.base.refused import SYNTAX, Refused
from iomux.protocols.resp.base.replies import Reply, array, bulks, short
from iomux.protocols.resp.base.session import Arguments, Commands, Session
from iomux.protocols.resp.base.sorted_set import SortedSet
from iomux.protocols.resp.commands.keys import kind


class _Wanted(NamedTuple):
    match: bytes = b"*"
    number: int = 10
    type: bytes = b""


def scan(session: Session, arguments: Arguments) -> Reply:
    """Some of the keys, and where to go on."""
    cursor = _cursor(arguments[1])
    wanted, db = _wanted(arguments[2:], True), session.db
    cursor, portion = db.scanner.portion(db.values, cursor, wanted.number)
    found = [key for key in portion if (value := db.find(key)) is not None and wanted.type in (b"", kind(value))]
    return _page(cursor, [key for key in found if _matches(wanted, key)], session)


def hscan(session: Session, arguments: Arguments) -> Reply:
    """Some of a hash's fields with their values, and where to go on."""
    value = session.db.typed(arguments[1], dict) or {}
    return _all_of(session, arguments, value)


def sscan(session: Session, arguments: Arguments) -> Reply:
    """Some of a set's members, and where to go on."""
    return _all_of(session, arguments, dict.fromkeys(session.db.typed(arguments[1], set) or ()))


def zscan(session: Session, arguments: Arguments) -> Reply:
    """Some of a sorted set's members with their scores, and where to go on."""
    value = session.db.typed(arguments[1], SortedSet) or SortedSet()
    return _all_of(session, arguments, {member: shown(score) for score, member in value.order})


def _all_of(session: Session, arguments: Arguments, entries: "dict[bytes, bytes] | dict[bytes, None]") -> Reply:
    _cursor(arguments[2])
    wanted = _wanted(arguments[3:], False)
    chosen = [entry for entry in entries.items() if _matches(wanted, entry[0])]
    return _page(0, [part for entry in chosen for part in entry if part is not None], session)


def _page(cursor: int, found: list[bytes], session: Session) -> Reply:
    return array([short(b"%d" % cursor), bulks(found, session.version)])


def _matches(wanted: _Wanted, name: bytes) -> bool:
    return wanted.match == b"*" or pattern(wanted.match).match(name) is not None


def _cursor(text: bytes) -> int:
    if text.isdigit() and int(text[:20]) < 2**64:
        return int(text[:20])
    raise Refused(b"ERR invalid cursor")


def _wanted(words: Arguments, with_type: bool) -> _Wanted:
    wanted = _Wanted()
    if len(words) % 2:
        raise Refused(SYNTAX)
    for name, value in zip(words[::2], words[1::2], strict=True):
        match name.lower():
            case b"match":
                wanted = wanted._replace(match=value)
            case b"count":
                if number(value) < 1:
                    raise Refused(SYNTAX)
                wanted = wanted._replace(number=number(value))
            case b"type" if with_type:
                wanted = wanted._replace(type=value.lower())
            case _:
                raise Refused(SYNTAX)
    return wanted


COMMANDS: Commands = {b"scan": (scan, -2), b"hscan": (hscan, -3), b"sscan": (sscan, -3), b"zscan": (zscan, -3)}
