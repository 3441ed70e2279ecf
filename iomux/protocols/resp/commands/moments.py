"""When a key dies, as clients say it: seconds or milliseconds, from now on or of Unix time."""

from iomux.protocols.resp.base.numbers import GREATEST, LEAST, integer
from iomux.protocols.resp.base.refused import SYNTAX, Refused
from iomux.protocols.resp.base.session import Arguments, Session

ENDS = {b"ex": (1000, True), b"px": (1, True), b"exat": (1000, False), b"pxat": (1, False)}
"""The options of SET and GETEX: milliseconds in a unit, and whether it counts from now on."""


def moment(session: Session, text: bytes, unit: int, relative: bool, command: bytes) -> int:
    """The millisecond of Unix time that is meant; raises Refused if it is no number, or beyond 64 bits."""
    count = integer(text)
    base = session.data.milliseconds() if relative else 0
    if not -(-LEAST // unit) <= count <= GREATEST // unit or count * unit > GREATEST - base:
        raise Refused(b"ERR invalid expire time in '%b' command" % command)
    return base + count * unit


def future(session: Session, text: bytes, unit: int, relative: bool, command: bytes) -> int:
    """The same for commands that set a value: the number must be positive."""
    if integer(text) <= 0:
        raise Refused(b"ERR invalid expire time in '%b' command" % command)
    return moment(session, text, unit, relative, command)


def options(words: Arguments, plain: set[bytes], *excluding: set[bytes]) -> dict[bytes, bytes]:
    """Options by name, with the number behind those of ENDS. excluding: of each set only one may be there."""
    found: dict[bytes, bytes] = {}
    rest = iter(words)
    for word in rest:
        name = word.lower()
        value = next(rest, None) if name in ENDS else b""
        if value is None or not (name in ENDS or name in plain):
            raise Refused(SYNTAX)
        found[name] = value
    if any(len(names & found.keys()) > 1 for names in excluding):
        raise Refused(SYNTAX)
    return found


def deadline(session: Session, chosen: dict[bytes, bytes], command: bytes) -> int | None:
    """The millisecond that the options name, None if they name none."""
    for name in ENDS.keys() & chosen.keys():
        return future(session, chosen[name], *ENDS[name], command)
    return None
