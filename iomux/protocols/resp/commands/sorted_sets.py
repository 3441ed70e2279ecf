"""Sorted sets: members in the order of their scores. Source: redis.io, commands, sorted set."""

import math
from bisect import bisect_left, bisect_right

from iomux.protocols.resp.base.numbers import floating
from iomux.protocols.resp.base.refused import SYNTAX, Refused
from iomux.protocols.resp.base.replies import EMPTY, Reply, array, bulk, integer, score
from iomux.protocols.resp.base.session import Arguments, Commands, Handler, Session
from iomux.protocols.resp.base.sorted_set import SortedSet
from iomux.protocols.resp.commands.lists import positive, span

_FLAGS = frozenset((b"nx", b"xx", b"gt", b"lt", b"ch", b"incr"))
_NAN = b"ERR resulting score is not a number (NaN)"
_NO_RANGE = b"ERR min or max is not a float"


def zadd(session: Session, arguments: Arguments) -> Reply:
    """Add members with their scores, or change the scores."""
    at = 2
    while at < len(arguments) and arguments[at].lower() in _FLAGS:
        at += 1
    flags, rest = {word.lower() for word in arguments[2:at]}, arguments[at:]
    _check_flags(flags, rest)
    entries = [(floating(number), member) for number, member in zip(rest[::2], rest[1::2], strict=True)]
    there = session.db.typed(arguments[1], SortedSet)
    if there is None and b"xx" in flags:
        return session.nil if b"incr" in flags else integer(0)
    scores = session.db.made(arguments[1], SortedSet)
    outcomes = [_put(scores, flags, number, member) for number, member in entries]
    session.db.changed(arguments[1])
    if b"incr" in flags:
        return session.nil if outcomes[0] == "kept" else score(scores.scores[entries[0][1]], session.version)
    return integer(sum(outcome == "added" or (b"ch" in flags and outcome == "changed") for outcome in outcomes))


def _check_flags(flags: set[bytes], rest: Arguments) -> None:
    if len(rest) % 2 or not rest:
        raise Refused(SYNTAX)
    if {b"nx", b"xx"} <= flags:
        raise Refused(b"ERR XX and NX options at the same time are not compatible")
    if len(flags & {b"gt", b"lt", b"nx"}) > 1:
        raise Refused(b"ERR GT, LT, and/or NX options at the same time are not compatible")
    if b"incr" in flags and len(rest) > 2:
        raise Refused(b"ERR INCR option supports a single increment-element pair")


def _put(scores: SortedSet, flags: set[bytes], number: float, member: bytes) -> str:
    old = scores.scores.get(member)
    if (old is None and b"xx" in flags) or (old is not None and b"nx" in flags):
        return "kept"
    if b"incr" in flags:
        number += old or 0.0
        if math.isnan(number):
            raise Refused(_NAN)
    if old is not None and ((b"gt" in flags and number <= old) or (b"lt" in flags and number >= old)):
        return "kept"
    if number == old:
        return "same"
    scores.put(member, number)
    return "added" if old is None else "changed"


def zincrby(session: Session, arguments: Arguments) -> Reply:
    """Add a number to a member's score; tell the new one."""
    return zadd(session, [*arguments[:2], b"incr", *arguments[2:]])


def _scores(session: Session, arguments: Arguments) -> SortedSet:
    """The sorted set under the key, an empty one if there is no key."""
    return session.db.typed(arguments[1], SortedSet) or SortedSet()


def zrem(session: Session, arguments: Arguments) -> Reply:
    """Remove members; tell how many were there."""
    scores = _scores(session, arguments)
    gone = sum(scores.drop(member) for member in arguments[2:])
    if gone:
        session.db.changed(arguments[1])
    return integer(gone)


def zcard(session: Session, arguments: Arguments) -> Reply:
    """How many members there are."""
    return integer(len(_scores(session, arguments)))


def zscore(session: Session, arguments: Arguments) -> Reply:
    """A member's score, nil if it is none."""
    found = _scores(session, arguments).scores.get(arguments[2])
    return session.nil if found is None else score(found, session.version)


def _rank(backwards: bool) -> Handler:
    """ZRANK, ZREVRANK."""

    def rank(session: Session, arguments: Arguments) -> Reply:
        scores = _scores(session, arguments)
        place = scores.rank(arguments[2])
        return session.nil if place is None else integer(len(scores) - 1 - place if backwards else place)

    return rank


def _range(backwards: bool) -> Handler:
    """ZRANGE, ZREVRANGE: by position."""

    def chosen(session: Session, arguments: Arguments) -> Reply:
        flags = [word.lower() for word in arguments[4:]]
        if not set(flags) <= ({b"withscores"} if backwards else {b"withscores", b"rev"}):
            raise Refused(SYNTAX)
        span(arguments[2], arguments[3], 0)  # numbers, whatever the key is
        part = span(arguments[2], arguments[3], len(scores := _scores(session, arguments)))
        order = scores.order[::-1] if backwards or b"rev" in flags else scores.order
        return _shown(session, order[part], b"withscores" in flags)

    return chosen


def _shown(session: Session, entries: list[tuple[float, bytes]], with_scores: bool) -> Reply:
    if not with_scores:
        return array([bulk(member) for _, member in entries])
    each = [(bulk(member), score(number, session.version)) for number, member in entries]
    return array([array(pair) for pair in each] if session.version == 3 else [part for pair in each for part in pair])


def _bounds(scores: SortedSet, least: bytes, greatest: bytes) -> slice:
    """The part between two scores, each included unless it has a bracket in front."""
    low, high = (floating(bound.removeprefix(b"(") or b"0", _NO_RANGE) for bound in (least, greatest))

    def score_of(entry: tuple[float, bytes]) -> float:
        return entry[0]

    begin = (bisect_right if least.startswith(b"(") else bisect_left)(scores.order, low, key=score_of)
    end = (bisect_left if greatest.startswith(b"(") else bisect_right)(scores.order, high, key=score_of)
    return slice(begin, end)


def zcount(session: Session, arguments: Arguments) -> Reply:
    """How many members have a score between two."""
    scores = _scores(session, arguments)
    part = _bounds(scores, arguments[2], arguments[3])
    return integer(max(part.stop - part.start, 0))


def zrangebyscore(session: Session, arguments: Arguments) -> Reply:
    """The members with a score between two, in its order."""
    if [word.lower() for word in arguments[4:]] not in ([], [b"withscores"]):
        raise Refused(SYNTAX)
    scores = _scores(session, arguments)
    return _shown(session, scores.order[_bounds(scores, arguments[2], arguments[3])], len(arguments) > 4)


def _pop(greatest: bool) -> Handler:
    """ZPOPMIN, ZPOPMAX."""

    def pop(session: Session, arguments: Arguments) -> Reply:
        if len(arguments) > 3:
            raise Refused(SYNTAX)
        count = positive(arguments[2]) if len(arguments) == 3 else 1
        scores = _scores(session, arguments)
        taken = scores.order[::-1][:count] if greatest else scores.order[:count]
        for _, member in taken:
            scores.drop(member)
        if not taken:
            return EMPTY
        session.db.changed(arguments[1])
        if len(arguments) == 2:
            return array([bulk(taken[0][1]), score(taken[0][0], session.version)])
        return _shown(session, taken, True)

    return pop


COMMANDS: Commands = {
    b"zadd": (zadd, -4),
    b"zincrby": (zincrby, 4),
    b"zrem": (zrem, -3),
    b"zcard": (zcard, 2),
    b"zscore": (zscore, 3),
    b"zrank": (_rank(False), 3),
    b"zrevrank": (_rank(True), 3),
    b"zrange": (_range(False), -4),
    b"zrevrange": (_range(True), -4),
    b"zrangebyscore": (zrangebyscore, -4),
    b"zcount": (zcount, 4),
    b"zpopmin": (_pop(False), -2),
    b"zpopmax": (_pop(True), -2),
}
