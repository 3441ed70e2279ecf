"""Keys, whatever their values are. Source: redis.io, commands, generic."""

import copy
import random
from itertools import islice

from iomux.protocols.resp.base.data import DATABASES
from iomux.protocols.resp.base.database import Database, Value
from iomux.protocols.resp.base.numbers import index as database_number
from iomux.protocols.resp.base.patterns import pattern
from iomux.protocols.resp.base.refused import NO_SUCH_KEY, SYNTAX, Refused
from iomux.protocols.resp.base.replies import OK, Reply, bulk, bulks, integer
from iomux.protocols.resp.base.session import Arguments, Commands, Session
from iomux.protocols.resp.base.sorted_set import SortedSet

KINDS = {bytes: b"string", dict: b"hash", set: b"set", SortedSet: b"zset"}
_NO_INDEX = b"ERR DB index is out of range"


def delete(session: Session, arguments: Arguments) -> Reply:
    """Remove keys; tell how many were there (DEL and UNLINK)."""
    db = session.db
    return integer(sum(db.find(key) is not None and db.drop(key) for key in arguments[1:]))


def exists(session: Session, arguments: Arguments) -> Reply:
    """How many of the keys are there; a key that is named twice counts twice."""
    return integer(sum(session.db.find(key) is not None for key in arguments[1:]))


def kind(value: Value | None) -> bytes:
    """The name of a value's type."""
    return b"none" if value is None else KINDS.get(type(value), b"list")


def type_(session: Session, arguments: Arguments) -> Reply:
    """What kind of value a key has, "none" without one."""
    return b"+%b\r\n" % kind(session.db.find(arguments[1]))


def keys(session: Session, arguments: Arguments) -> Reply:
    """All keys that fit a pattern."""
    matches = pattern(arguments[1]).match
    return bulks([key for key in alive(session.db) if matches(key)], session.version)


def alive(db: Database) -> list[bytes]:
    """The keys that are not dead."""
    return [key for key in list(db.values) if not db.deadlines or db.find(key) is not None]


def randomkey(session: Session, arguments: Arguments) -> Reply:
    # in Redis this takes no time; here a walk to that place of the dictionary
    """One key by chance, nil if there is none."""
    db = session.db
    while db.values:
        key = next(islice(db.values, random.randrange(len(db.values)), None))
        if db.find(key) is not None:
            return bulk(key)
    return session.nil


def rename(session: Session, arguments: Arguments) -> Reply:
    """Give a value another key, with its time limit; what was there is lost."""
    _move(session.db, session.db, arguments[1], arguments[2])
    return OK


def renamenx(session: Session, arguments: Arguments) -> Reply:
    """Give a value another key if nobody has it; tell whether it was done."""
    if session.db.find(arguments[1]) is None:
        raise Refused(NO_SUCH_KEY)
    if session.db.find(arguments[2]) is not None:
        return integer(0)
    _move(session.db, session.db, arguments[1], arguments[2])
    return integer(1)


def move(session: Session, arguments: Arguments) -> Reply:
    """Put a key into another database if it is not there; tell whether it was done."""
    index = database_number(arguments[2])
    if not 0 <= index < DATABASES:
        raise Refused(_NO_INDEX)
    if index == session.index:
        raise Refused(b"ERR source and destination objects are the same")
    there = session.data.databases[index]
    if session.db.find(arguments[1]) is None or there.find(arguments[1]) is not None:
        return integer(0)
    _move(session.db, there, arguments[1], arguments[1])
    return integer(1)


def _move(here: Database, there: Database, old: bytes, new: bytes) -> None:
    value = here.find(old)
    if value is None:
        raise Refused(NO_SUCH_KEY)
    if here is there and old == new:
        return
    deadline = here.deadlines.get(old)
    here.drop(old)
    there.put(new, value)
    if deadline is not None:
        there.expire(new, deadline)


def copy_(session: Session, arguments: Arguments) -> Reply:
    """Copy a value to another key; tell whether it was done."""
    there, replace, rest = session.db, False, iter(arguments[3:])
    for word in rest:
        if word.lower() == b"replace":
            replace = True
        elif word.lower() == b"db" and (index := next(rest, None)) is not None:
            if not 0 <= database_number(index) < DATABASES:
                raise Refused(_NO_INDEX)
            there = session.data.databases[database_number(index)]
        else:
            raise Refused(SYNTAX)
    if there is session.db and arguments[1] == arguments[2]:
        raise Refused(b"ERR source and destination objects are the same")
    value = session.db.find(arguments[1])
    if value is None or (there.find(arguments[2]) is not None and not replace):
        return integer(0)
    deadline = session.db.deadlines.get(arguments[1])
    there.put(arguments[2], copy.deepcopy(value))
    if deadline is not None:
        there.expire(arguments[2], deadline)
    return integer(1)


COMMANDS: Commands = {
    b"del": (delete, -2),
    b"unlink": (delete, -2),
    b"exists": (exists, -2),
    b"touch": (exists, -2),
    b"type": (type_, 2),
    b"keys": (keys, 2),
    b"randomkey": (randomkey, 1),
    b"rename": (rename, 3),
    b"renamenx": (renamenx, 3),
    b"move": (move, 3),
    b"copy": (copy_, -3),
}
