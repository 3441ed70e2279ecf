"""Parts of strings: bytes and bits by position. A change copies the value, which Redis avoids.

Source: redis.io, commands, string and bitmap.
"""

from iomux.protocols.resp.base.numbers import integer as number
from iomux.protocols.resp.base.refused import Refused
from iomux.protocols.resp.base.replies import Reply, bulk, integer
from iomux.protocols.resp.base.session import Arguments, Commands, Session

MOST_BYTES = 512 << 20
_TOO_LONG = b"ERR string exceeds maximum allowed size (proto-max-bulk-len)"
_NO_OFFSET = b"ERR bit offset is not an integer or out of range"


def append(session: Session, arguments: Arguments) -> Reply:
    """Put bytes behind a value; tell how long it is now."""
    old = session.db.typed(arguments[1], bytes)
    if old is None:
        session.db.put(arguments[1], arguments[2])
        return integer(len(arguments[2]))
    if len(old) + len(arguments[2]) > MOST_BYTES:
        raise Refused(_TOO_LONG)
    session.db.replace(arguments[1], old + arguments[2])
    return integer(len(old) + len(arguments[2]))


def getrange(session: Session, arguments: Arguments) -> Reply:
    """The bytes between two places, both included."""
    first, last = number(arguments[2]), number(arguments[3])
    value = session.db.typed(arguments[1], bytes) or b""
    if first < 0 and last < 0 and first > last:
        return bulk(b"")
    first, last = (max(place + len(value) if place < 0 else place, 0) for place in (first, last))
    return bulk(value[first : last + 1])


def setrange(session: Session, arguments: Arguments) -> Reply:
    """Overwrite bytes from a place on, after zero bytes if the value is shorter."""
    offset, part = number(arguments[2]), arguments[3]
    if offset < 0:
        raise Refused(b"ERR offset is out of range")
    old = session.db.typed(arguments[1], bytes)
    if not part:
        return integer(len(old or b""))
    if offset + len(part) > MOST_BYTES:
        raise Refused(_TOO_LONG)
    value = (old or b"").ljust(offset, b"\0")
    session.db.replace(arguments[1], value[:offset] + part + value[offset + len(part) :])
    return integer(max(len(value), offset + len(part)))


def getbit(session: Session, arguments: Arguments) -> Reply:
    """One bit of a value, counted from the highest bit of the first byte."""
    place, bit = divmod(_bit_offset(arguments[2]), 8)
    value = session.db.typed(arguments[1], bytes) or b""
    return integer(value[place] >> (7 - bit) & 1 if place < len(value) else 0)


def setbit(session: Session, arguments: Arguments) -> Reply:
    """Set one bit, and tell what it was."""
    place, bit = divmod(_bit_offset(arguments[2]), 8)
    if arguments[3] not in (b"0", b"1"):
        raise Refused(b"ERR bit is not an integer or out of range")
    value = bytearray((session.db.typed(arguments[1], bytes) or b"").ljust(place + 1, b"\0"))
    old, mask = value[place] >> (7 - bit) & 1, 0x80 >> bit
    value[place] = value[place] & ~mask | (mask if arguments[3] == b"1" else 0)
    session.db.replace(arguments[1], bytes(value))
    return integer(old)


def _bit_offset(text: bytes) -> int:
    offset = number(text, _NO_OFFSET)
    if not 0 <= offset < MOST_BYTES * 8:
        raise Refused(_NO_OFFSET)
    return offset


COMMANDS: Commands = {
    b"append": (append, 3),
    b"getrange": (getrange, 4),
    b"substr": (getrange, 4),
    b"setrange": (setrange, 4),
    b"getbit": (getbit, 3),
    b"setbit": (setbit, 4),
}
