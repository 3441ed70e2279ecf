"""Numbers as clients write them: 64-bit integers in their one canonical form, and floating-point numbers.

An integer has no plus sign, no blank, and no leading zero (redis.io, command INCR: "a string that can be represented
as integer"); Python's `int` takes all of these, so what it read is written again and compared.
"""

import math

from iomux.protocols.resp.base.refused import NOT_A_FLOAT, NOT_AN_INTEGER, Refused

LEAST, GREATEST = -(2**63), 2**63 - 1
"""The range of a signed 64-bit integer, the range of Redis' counters."""
_LONGEST = 20
_LONGEST_FLOAT = 256


def integer(text: bytes, otherwise: bytes = NOT_AN_INTEGER) -> int:
    """The integer that the text is; raises Refused(otherwise) if it is none, or has more than 64 bits."""
    if len(text) <= _LONGEST:
        try:
            number = int(text)
        except ValueError:
            raise Refused(otherwise) from None
        if b"%d" % number == text and LEAST <= number <= GREATEST:
            return number
    raise Refused(otherwise)


def index(text: bytes) -> int:
    """The number of a database, of 32 bits; raises Refused if it is none."""
    number = integer(text)
    if not -(2**31) <= number < 2**31:
        raise Refused(b"ERR value is out of range, value must between -2147483648 and 2147483647")
    return number


def floating(text: bytes, otherwise: bytes = NOT_A_FLOAT) -> float:
    """The number that the text is, infinities included; raises Refused(otherwise) if it is none."""
    try:
        number = float(text)
    except ValueError:
        raise Refused(otherwise) from None
    if math.isnan(number) or b"_" in text or text != text.strip() or len(text) > _LONGEST_FLOAT:
        raise Refused(otherwise)
    return number


def shown(number: float) -> bytes:
    """A score as a client of version 2 gets it: 17 significant digits, C's %.17g."""
    return b"%.17g" % number
