"""Counters: strings that are numbers. Source: redis.io, commands, INCR to INCRBYFLOAT."""

from decimal import Decimal, InvalidOperation, localcontext

from iomux.protocols.resp.base.numbers import GREATEST, LEAST, floating
from iomux.protocols.resp.base.numbers import integer as number
from iomux.protocols.resp.base.refused import NOT_A_FLOAT, Refused
from iomux.protocols.resp.base.replies import Reply, bulk
from iomux.protocols.resp.base.session import Arguments, Commands, Session

OVERFLOW = b"ERR increment or decrement would overflow"
_DECIMALS = Decimal("1e-17")
_LONGEST = 5000


def incr(session: Session, arguments: Arguments) -> Reply:
    """One more; a missing key counts as 0."""
    return _add(session, arguments[1], 1)


def decr(session: Session, arguments: Arguments) -> Reply:
    """One less; a missing key counts as 0."""
    return _add(session, arguments[1], -1)


def incrby(session: Session, arguments: Arguments) -> Reply:
    """More by a number."""
    return _add(session, arguments[1], number(arguments[2]))


def decrby(session: Session, arguments: Arguments) -> Reply:
    """Less by a number."""
    by = number(arguments[2])
    if by == LEAST:
        raise Refused(b"ERR decrement would overflow")
    return _add(session, arguments[1], -by)


def _add(session: Session, key: bytes, by: int) -> Reply:
    old = session.db.typed(key, bytes)
    value = by if old is None else number(old) + by
    if not LEAST <= value <= GREATEST:
        raise Refused(OVERFLOW)
    session.db.replace(key, b"%d" % value)
    return b":%d\r\n" % value


def incrbyfloat(session: Session, arguments: Arguments) -> Reply:
    """More by a number with a fraction."""
    old = session.db.typed(arguments[1], bytes)
    value = added(b"0" if old is None else old, arguments[2], NOT_A_FLOAT)
    session.db.replace(arguments[1], value)
    return bulk(value)


def added(text: bytes, by: bytes, otherwise: bytes) -> bytes:
    """The sum of two numbers with at most 17 decimals, as redis-server rounds its long doubles for people."""
    floating(text, otherwise)
    floating(by)
    with localcontext() as context:
        context.prec = _LONGEST
        try:
            total = Decimal(text.decode()) + Decimal(by.decode())
        except InvalidOperation:
            raise Refused(otherwise) from None
        if not total.is_finite():
            raise Refused(b"ERR increment would produce NaN or Infinity")
        shown = f"{total.quantize(_DECIMALS):f}"
    shown = shown.rstrip("0").rstrip(".")
    return b"0" if shown in ("-0", "") else shown.encode()


COMMANDS: Commands = {
    b"incr": (incr, 2),
    b"decr": (decr, 2),
    b"incrby": (incrby, 3),
    b"decrby": (decrby, 3),
    b"incrbyfloat": (incrbyfloat, 3),
}
