"""Hashes: fields with values under one key. Source: redis.io, commands, hash."""

from itertools import chain

from iomux.protocols.resp.base.numbers import GREATEST, LEAST
from iomux.protocols.resp.base.numbers import integer as number
from iomux.protocols.resp.base.refused import Refused
from iomux.protocols.resp.base.replies import OK, Reply, bulk, bulks, integer, pairs
from iomux.protocols.resp.base.session import Arguments, Commands, Session
from iomux.protocols.resp.commands.counters import OVERFLOW, added


def hset(session: Session, arguments: Arguments) -> Reply:
    """Set fields; tell how many are new."""
    if len(arguments) % 2:
        raise Refused(b"ERR wrong number of arguments for '%b' command" % arguments[0].lower())
    fields = session.db.made(arguments[1], dict)
    before = len(fields)
    fields.update(zip(arguments[2::2], arguments[3::2], strict=True))
    session.db.changed(arguments[1])
    return integer(len(fields) - before)


def hmset(session: Session, arguments: Arguments) -> Reply:
    """Set fields, and say OK, as older clients expect."""
    hset(session, arguments)
    return OK


def hsetnx(session: Session, arguments: Arguments) -> Reply:
    """Set a field that is not there yet; tell whether it was set."""
    if arguments[2] in _fields(session, arguments):
        return integer(0)
    return hset(session, arguments)


def _fields(session: Session, arguments: Arguments) -> dict[bytes, bytes]:
    """The fields under the key, none if there is no key."""
    return session.db.typed(arguments[1], dict) or {}


def hget(session: Session, arguments: Arguments) -> Reply:
    """One field's value."""
    value = _fields(session, arguments).get(arguments[2])
    return session.nil if value is None else bulk(value)


def hmget(session: Session, arguments: Arguments) -> Reply:
    """Several fields' values, nil for those that are missing."""
    fields = _fields(session, arguments)
    return bulks([fields.get(field) for field in arguments[2:]], session.version)


def hdel(session: Session, arguments: Arguments) -> Reply:
    """Remove fields; an empty hash goes with its last one."""
    fields = _fields(session, arguments)
    gone = sum(fields.pop(field, None) is not None for field in arguments[2:])
    if gone:
        session.db.changed(arguments[1])
    return integer(gone)


def hlen(session: Session, arguments: Arguments) -> Reply:
    """How many fields there are."""
    return integer(len(_fields(session, arguments)))


def hexists(session: Session, arguments: Arguments) -> Reply:
    """Whether a field is there."""
    return integer(arguments[2] in _fields(session, arguments))


def hstrlen(session: Session, arguments: Arguments) -> Reply:
    """How long a field's value is."""
    return integer(len(_fields(session, arguments).get(arguments[2], b"")))


def hkeys(session: Session, arguments: Arguments) -> Reply:
    """The names of all fields."""
    return bulks(list(_fields(session, arguments)), session.version)


def hvals(session: Session, arguments: Arguments) -> Reply:
    """The values of all fields."""
    return bulks(list(_fields(session, arguments).values()), session.version)


def hgetall(session: Session, arguments: Arguments) -> Reply:
    """All fields with their values: a map in RESP3."""
    return pairs(list(chain.from_iterable(_fields(session, arguments).items())), session.version)


def hincrby(session: Session, arguments: Arguments) -> Reply:
    """Add a whole number to a field."""
    by = number(arguments[3])
    old = _fields(session, arguments).get(arguments[2], b"0")
    value = number(old, b"ERR hash value is not an integer") + by
    if not LEAST <= value <= GREATEST:
        raise Refused(OVERFLOW)
    hset(session, [*arguments[:3], b"%d" % value])
    return integer(value)


def hincrbyfloat(session: Session, arguments: Arguments) -> Reply:
    """Add a number with a fraction to a field."""
    old = _fields(session, arguments).get(arguments[2], b"0")
    value = added(old, arguments[3], b"ERR hash value is not a float")
    hset(session, [*arguments[:3], value])
    return bulk(value)


COMMANDS: Commands = {
    b"hset": (hset, -4),
    b"hmset": (hmset, -4),
    b"hsetnx": (hsetnx, 4),
    b"hget": (hget, 3),
    b"hmget": (hmget, -3),
    b"hdel": (hdel, -3),
    b"hlen": (hlen, 2),
    b"hexists": (hexists, 3),
    b"hstrlen": (hstrlen, 3),
    b"hkeys": (hkeys, 2),
    b"hvals": (hvals, 2),
    b"hgetall": (hgetall, 2),
    b"hincrby": (hincrby, 4),
    b"hincrbyfloat": (hincrbyfloat, 4),
}
