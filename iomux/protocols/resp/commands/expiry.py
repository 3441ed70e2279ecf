"""When keys die. Source: redis.io, commands, EXPIRE to PERSIST."""

from iomux.protocols.resp.base.refused import Refused
from iomux.protocols.resp.base.replies import Reply, integer
from iomux.protocols.resp.base.session import Arguments, Commands, Handler, Session
from iomux.protocols.resp.commands.moments import moment

_FLAGS = frozenset((b"nx", b"xx", b"gt", b"lt"))
_NEVER = float("inf")


def _expire(command: bytes, unit: int, relative: bool) -> Handler:
    """The command of that name: its unit in milliseconds, and whether it counts from now on."""

    def expire(session: Session, arguments: Arguments) -> Reply:
        flags = _flags(arguments[3:])
        dies = moment(session, arguments[2], unit, relative, command)
        key, db = arguments[1], session.db
        if db.find(key) is None or not _allowed(flags, db.deadlines.get(key), dies):
            return integer(0)
        if dies <= session.data.milliseconds():
            db.drop(key)
        else:
            db.expire(key, dies)
        return integer(1)

    return expire


def _flags(words: Arguments) -> frozenset[bytes]:
    for word in words:
        if word.lower() not in _FLAGS:
            raise Refused(b"ERR Unsupported option %b" % word)
    flags = frozenset(word.lower() for word in words)
    if b"nx" in flags and len(flags) > 1:
        raise Refused(b"ERR NX and XX, GT or LT options at the same time are not compatible")
    if {b"gt", b"lt"} <= flags:
        raise Refused(b"ERR GT and LT options at the same time are not compatible")
    return flags


def _allowed(flags: frozenset[bytes], before: int | None, dies: int) -> bool:
    """Whether the options allow that deadline: a key without one never dies."""
    ends = _NEVER if before is None else before
    return not (
        (b"nx" in flags and before is not None)
        or (b"xx" in flags and before is None)
        or (b"gt" in flags and dies <= ends)
        or (b"lt" in flags and dies >= ends)
    )


def _left(unit: int, relative: bool) -> Handler:
    """The command that tells a deadline: -2 without a key, -1 without a deadline."""

    def left(session: Session, arguments: Arguments) -> Reply:
        if session.db.find(arguments[1]) is None:
            return integer(-2)
        dies = session.db.deadlines.get(arguments[1])
        if dies is None:
            return integer(-1)
        if relative:
            dies -= session.data.milliseconds()
        return integer((dies + unit // 2) // unit)

    return left


def persist(session: Session, arguments: Arguments) -> Reply:
    """Take the time limit from a key; tell whether there was one."""
    return integer(session.db.persist(arguments[1]))


COMMANDS: Commands = {
    b"expire": (_expire(b"expire", 1000, True), -3),
    b"pexpire": (_expire(b"pexpire", 1, True), -3),
    b"expireat": (_expire(b"expireat", 1000, False), -3),
    b"pexpireat": (_expire(b"pexpireat", 1, False), -3),
    b"ttl": (_left(1000, True), 2),
    b"pttl": (_left(1, True), 2),
    b"expiretime": (_left(1000, False), 2),
    b"pexpiretime": (_left(1, False), 2),
    b"persist": (persist, 2),
}
