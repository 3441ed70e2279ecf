"""Sets: members without an order. Source: redis.io, commands, set."""

import random

from iomux.protocols.resp.base.numbers import integer as number
from iomux.protocols.resp.base.refused import Refused
from iomux.protocols.resp.base.replies import Reply, array, bulk, bulks, integer, members
from iomux.protocols.resp.base.session import Arguments, Commands, Session
from iomux.protocols.resp.commands.lists import positive


def sadd(session: Session, arguments: Arguments) -> Reply:
    """Add members; tell how many are new."""
    found = session.db.made(arguments[1], set)
    before = len(found)
    found.update(arguments[2:])
    if len(found) > before:
        session.db.changed(arguments[1])
    return integer(len(found) - before)


def _members(session: Session, key: bytes) -> set[bytes]:
    return session.db.typed(key, set) or set()


def srem(session: Session, arguments: Arguments) -> Reply:
    """Remove members; tell how many were there."""
    found = _members(session, arguments[1])
    before = len(found)
    found.difference_update(arguments[2:])
    if len(found) < before:
        session.db.changed(arguments[1])
    return integer(before - len(found))


def scard(session: Session, arguments: Arguments) -> Reply:
    """How many members there are."""
    return integer(len(_members(session, arguments[1])))


def sismember(session: Session, arguments: Arguments) -> Reply:
    """Whether this is a member."""
    return integer(arguments[2] in _members(session, arguments[1]))


def smismember(session: Session, arguments: Arguments) -> Reply:
    """Of each whether it is a member."""
    found = _members(session, arguments[1])
    return array([integer(member in found) for member in arguments[2:]])


def smembers(session: Session, arguments: Arguments) -> Reply:
    """All members: a set in RESP3."""
    return members(list(_members(session, arguments[1])), session.version)


def spop(session: Session, arguments: Arguments) -> Reply:
    """Take members out by chance."""
    if len(arguments) > 3:
        raise Refused(b"ERR syntax error")
    count = positive(arguments[2]) if len(arguments) == 3 else None
    found = session.db.typed(arguments[1], set)
    if found is None:
        return session.nil if count is None else members([], session.version)
    # `set.pop` takes whatever comes first in the hash table: bytes are hashed with a secret of the process
    taken = [found.pop() for _ in range(1 if count is None else min(count, len(found)))]
    if taken:
        session.db.changed(arguments[1])
    return bulk(taken[0]) if count is None else members(taken, session.version)


def srandmember(session: Session, arguments: Arguments) -> Reply:
    """Members by chance, which stay."""
    if len(arguments) > 3:
        raise Refused(b"ERR syntax error")
    found = tuple(_members(session, arguments[1]))
    if len(arguments) == 2:
        return bulk(random.choice(found)) if found else session.nil
    count = number(arguments[2])
    if not found:
        return bulks([], session.version)
    chosen = random.sample(found, min(count, len(found))) if count >= 0 else random.choices(found, k=_few(-count))
    return bulks(chosen, session.version)


def _few(count: int) -> int:
    """The most members that are chosen anew each: their references are kept until they are sent."""
    if count > 1 << 20:
        raise Refused(b"ERR value is out of range")
    return count


def smove(session: Session, arguments: Arguments) -> Reply:
    """Move a member from one set to another; tell whether it was there."""
    _, source, target, member = arguments
    here = session.db.typed(source, set)
    if here is None:
        return integer(0)
    session.db.typed(target, set)
    if member not in here:
        return integer(0)
    if source != target:
        here.discard(member)
        session.db.made(target, set).add(member)
        session.db.changed(source)
        session.db.changed(target)
    return integer(1)


def sinter(session: Session, arguments: Arguments) -> Reply:
    """The members that all these sets have."""
    first, *others = [_members(session, key) for key in arguments[1:]]
    return members(list(first.intersection(*others)), session.version)


def sunion(session: Session, arguments: Arguments) -> Reply:
    """The members that any of these sets has."""
    return members(list(set().union(*(_members(session, key) for key in arguments[1:]))), session.version)


def sdiff(session: Session, arguments: Arguments) -> Reply:
    """The members of the first set that no other one has."""
    first, *others = [_members(session, key) for key in arguments[1:]]
    return members(list(first.difference(*others)), session.version)


COMMANDS: Commands = {
    b"sadd": (sadd, -3),
    b"srem": (srem, -3),
    b"scard": (scard, 2),
    b"sismember": (sismember, 3),
    b"smismember": (smismember, -3),
    b"smembers": (smembers, 2),
    b"spop": (spop, -2),
    b"srandmember": (srandmember, -2),
    b"smove": (smove, 4),
    b"sinter": (sinter, -2),
    b"sunion": (sunion, -2),
    b"sdiff": (sdiff, -2),
}
