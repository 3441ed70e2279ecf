"""Strings: any bytes, up to 512 MiB. Source: redis.io, commands, string."""

from iomux.protocols.resp.base.refused import WRONG_TYPE, Refused
from iomux.protocols.resp.base.replies import OK, PIECE_BYTES, Reply, bulk, bulks, integer
from iomux.protocols.resp.base.session import Arguments, Commands, Session
from iomux.protocols.resp.commands.moments import ENDS, deadline, future, options


def get(session: Session, arguments: Arguments) -> Reply:
    """A key's value, nil without one."""
    value = session.db.find(arguments[1])
    if type(value) is bytes:
        # most replies of most stores: `bulk`, without its call
        return b"$%d\r\n%b\r\n" % (len(value), value) if len(value) <= PIECE_BYTES else bulk(value)
    if value is None:
        return session.nil
    raise Refused(WRONG_TYPE)


def set_(session: Session, arguments: Arguments) -> Reply:
    """Set a value, with conditions and a time limit if they are given."""
    if len(arguments) > 3:
        return _set_with_options(session, arguments)
    session.db.put(arguments[1], arguments[2])
    return OK


def _set_with_options(session: Session, arguments: Arguments) -> Reply:
    chosen = options(arguments[3:], {b"nx", b"xx", b"get", b"keepttl"}, {b"nx", b"xx"}, {b"keepttl", *ENDS})
    dies = deadline(session, chosen, b"set")
    key, db = arguments[1], session.db
    old = get(session, arguments) if b"get" in chosen else None
    if (b"nx" in chosen or b"xx" in chosen) and (db.find(key) is None) == (b"xx" in chosen):
        return session.nil if old is None else old
    if b"keepttl" in chosen:
        db.find(key)
        db.replace(key, arguments[2])
    else:
        db.put(key, arguments[2])
    if dies is not None:
        db.expire(key, dies)
    return OK if old is None else old


def setnx(session: Session, arguments: Arguments) -> Reply:
    """Set a value if there is none; tell whether it was set."""
    if session.db.find(arguments[1]) is not None:
        return integer(0)
    session.db.put(arguments[1], arguments[2])
    return integer(1)


def setex(session: Session, arguments: Arguments) -> Reply:
    """Set a value with a time limit in seconds."""
    return _set_until(session, arguments, 1000, b"setex")


def psetex(session: Session, arguments: Arguments) -> Reply:
    """Set a value with a time limit in milliseconds."""
    return _set_until(session, arguments, 1, b"psetex")


def _set_until(session: Session, arguments: Arguments, unit: int, command: bytes) -> Reply:
    dies = future(session, arguments[2], unit, True, command)
    session.db.put(arguments[1], arguments[3])
    session.db.expire(arguments[1], dies)
    return OK


def getset(session: Session, arguments: Arguments) -> Reply:
    """Set a value, and tell the one before."""
    old = get(session, arguments)
    session.db.put(arguments[1], arguments[2])
    return old


def getdel(session: Session, arguments: Arguments) -> Reply:
    """Tell a value, and forget it."""
    old = get(session, arguments)
    session.db.drop(arguments[1])
    return old


def getex(session: Session, arguments: Arguments) -> Reply:
    """Tell a value, and change its time limit."""
    chosen = options(arguments[2:], {b"persist"}, {b"persist", *ENDS})
    key, db = arguments[1], session.db
    if db.typed(key, bytes) is None:
        return session.nil
    dies = deadline(session, chosen, b"getex")
    value = get(session, arguments)
    if dies is not None:
        db.expire(key, dies)
        db.find(key)
    elif b"persist" in chosen:
        db.persist(key)
    return value


def mget(session: Session, arguments: Arguments) -> Reply:
    """The values of several keys, nil for each without one."""
    found = [session.db.find(key) for key in arguments[1:]]
    return bulks([value if type(value) is bytes else None for value in found], session.version)


def mset(session: Session, arguments: Arguments) -> Reply:
    """Set several values at once."""
    _paired(arguments, b"mset")
    for key, value in zip(arguments[1::2], arguments[2::2], strict=True):
        session.db.put(key, value)
    return OK


def msetnx(session: Session, arguments: Arguments) -> Reply:
    """Set several values if none of the keys is there; tell whether they were set."""
    _paired(arguments, b"msetnx")
    if any(session.db.find(key) is not None for key in arguments[1::2]):
        return integer(0)
    mset(session, arguments)
    return integer(1)


def _paired(arguments: Arguments, command: bytes) -> None:
    if not len(arguments) % 2:
        raise Refused(b"ERR wrong number of arguments for '%b' command" % command)


def strlen(session: Session, arguments: Arguments) -> Reply:
    """How long a value is, 0 without one."""
    return integer(len(session.db.typed(arguments[1], bytes) or b""))


COMMANDS: Commands = {
    b"get": (get, 2),
    b"set": (set_, -3),
    b"setnx": (setnx, 3),
    b"setex": (setex, 4),
    b"psetex": (psetex, 4),
    b"getset": (getset, 3),
    b"getdel": (getdel, 2),
    b"getex": (getex, -2),
    b"mget": (mget, -2),
    b"mset": (mset, -3),
    b"msetnx": (msetnx, -3),
    b"strlen": (strlen, 2),
}
