"""Lists: fast at both ends, and in the middle as slow as a walk there. Source: redis.io, commands, list."""

from collections import deque
from itertools import islice

from iomux.protocols.resp.base.numbers import integer as number
from iomux.protocols.resp.base.refused import NO_SUCH_KEY, SYNTAX, Refused
from iomux.protocols.resp.base.replies import EMPTY, OK, Reply, bulk, bulks, integer
from iomux.protocols.resp.base.session import Arguments, Commands, Handler, Session

_ENDS = (b"left", b"right")


def _push(left: bool, only_if_there: bool) -> Handler:
    """LPUSH and its sisters."""

    def push(session: Session, arguments: Arguments) -> Reply:
        key, db = arguments[1], session.db
        if only_if_there and db.typed(key, deque) is None:
            return integer(0)
        values = db.made(key, deque)
        (values.extendleft if left else values.extend)(arguments[2:])
        if db.watchers:
            db.changed(key)
        return integer(len(values))

    return push


def _pop(left: bool) -> Handler:
    """LPOP, RPOP."""

    def pop(session: Session, arguments: Arguments) -> Reply:
        if len(arguments) > 3:
            raise Refused(b"ERR wrong number of arguments for '%b' command" % arguments[0].lower())
        count = positive(arguments[2]) if len(arguments) > 2 else None
        values = session.db.typed(arguments[1], deque)
        if values is None:
            return session.nil if count is None else session.no_array
        if count is None:
            value = values.popleft() if left else values.pop()
            session.db.changed(arguments[1])
            return bulk(value)
        taken = [values.popleft() if left else values.pop() for _ in range(min(count, len(values)))]
        if taken:
            session.db.changed(arguments[1])
        return bulks(taken, session.version)

    return pop


def positive(text: bytes) -> int:
    """A count that is not negative; raises Refused if it is no such number."""
    wrong = b"ERR value is out of range, must be positive"
    count = number(text, wrong)
    if count < 0:
        raise Refused(wrong)
    return count


def llen(session: Session, arguments: Arguments) -> Reply:
    """How long a list is."""
    return integer(len(session.db.typed(arguments[1], deque) or ()))


def span(first: bytes, last: bytes, size: int) -> slice:
    """The part that two positions mean, of which negative ones count from the end."""
    begin, end = number(first), number(last)
    begin, end = begin + size * (begin < 0), end + size * (end < 0)
    return slice(max(begin, 0), max(end + 1, 0))


def lrange(session: Session, arguments: Arguments) -> Reply:
    """The elements between two places, both included; negative places count from the end."""
    number(arguments[2]), number(arguments[3])
    values = session.db.typed(arguments[1], deque)
    if values is None:
        return EMPTY
    part = span(arguments[2], arguments[3], len(values))
    return bulks(list(islice(values, part.start, part.stop)), session.version)


def lindex(session: Session, arguments: Arguments) -> Reply:
    """The element at a place, nil outside."""
    values = session.db.typed(arguments[1], deque)
    if values is None:
        return session.nil
    place = number(arguments[2])
    return bulk(values[place]) if -len(values) <= place < len(values) else session.nil


def lset(session: Session, arguments: Arguments) -> Reply:
    """Replace the element at a place."""
    values = session.db.typed(arguments[1], deque)
    if values is None:
        raise Refused(NO_SUCH_KEY)
    place = number(arguments[2])
    if not -len(values) <= place < len(values):
        raise Refused(b"ERR index out of range")
    values[place] = arguments[3]
    session.db.changed(arguments[1])
    return OK


def lrem(session: Session, arguments: Arguments) -> Reply:
    """Remove elements of this value, so many from one end, or all."""
    count, key = number(arguments[2]), arguments[1]
    values = session.db.typed(key, deque)
    if values is None:
        return integer(0)
    places = [place for place, value in enumerate(values) if value == arguments[3]]
    if count:
        places = places[:count] if count > 0 else places[count:]
    doomed = set(places)
    if doomed:
        kept = [value for place, value in enumerate(values) if place not in doomed]
        values.clear()
        values.extend(kept)
        session.db.changed(key)
    return integer(len(doomed))


def ltrim(session: Session, arguments: Arguments) -> Reply:
    """Keep only the elements between two places."""
    number(arguments[2]), number(arguments[3])
    values = session.db.typed(arguments[1], deque)
    if values is not None:
        part = span(arguments[2], arguments[3], len(values))
        kept = list(islice(values, part.start, part.stop))
        values.clear()
        values.extend(kept)
        session.db.changed(arguments[1])
    return OK


def linsert(session: Session, arguments: Arguments) -> Reply:
    """Put an element before or after another one."""
    where = arguments[2].lower()
    if where not in (b"before", b"after"):
        raise Refused(SYNTAX)
    values = session.db.typed(arguments[1], deque)
    if values is None:
        return integer(0)
    if arguments[3] not in values:
        return integer(-1)
    values.insert(values.index(arguments[3]) + (where == b"after"), arguments[4])
    session.db.changed(arguments[1])
    return integer(len(values))


def lmove(session: Session, arguments: Arguments) -> Reply:
    """Take an element from an end of one list, and put it to an end of another."""
    if arguments[3].lower() not in _ENDS or arguments[4].lower() not in _ENDS:
        raise Refused(SYNTAX)
    return _moved(session, arguments[1], arguments[2], arguments[3].lower(), arguments[4].lower())


def rpoplpush(session: Session, arguments: Arguments) -> Reply:
    """LMOVE from the right end to the left one."""
    return _moved(session, arguments[1], arguments[2], b"right", b"left")


def _moved(session: Session, source: bytes, target: bytes, taken: bytes, put: bytes) -> Reply:
    values = session.db.typed(source, deque)
    if values is None:
        return session.nil
    session.db.typed(target, deque)
    value = values.popleft() if taken == b"left" else values.pop()
    there = session.db.made(target, deque)
    (there.appendleft if put == b"left" else there.append)(value)
    session.db.changed(source)
    session.db.changed(target)
    return bulk(value)


COMMANDS: Commands = {
    b"lpush": (_push(True, False), -3),
    b"rpush": (_push(False, False), -3),
    b"lpushx": (_push(True, True), -3),
    b"rpushx": (_push(False, True), -3),
    b"lpop": (_pop(True), -2),
    b"rpop": (_pop(False), -2),
    b"llen": (llen, 2),
    b"lrange": (lrange, 4),
    b"lindex": (lindex, 3),
    b"lset": (lset, 4),
    b"lrem": (lrem, 4),
    b"ltrim": (ltrim, 4),
    b"linsert": (linsert, 5),
    b"lmove": (lmove, 5),
    b"rpoplpush": (rpoplpush, 3),
}
