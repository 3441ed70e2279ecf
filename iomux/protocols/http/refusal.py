"""Why a request is refused, in the status that the RFC names and a sentence that a student understands.

A malformed request is answered and then the connection is over, because nobody knows where the next one begins: what is
pipelined behind it may be the second half of a smuggled request (RFC 9112, section 11.2). The head is looked at line by
line only here, after the one regular expression has not matched, so an exact reason costs valid requests nothing.
"""

import re

from iomux.protocols.http.grammar import LONGEST_TARGET, MOST_FIELDS, TOKEN, VALUE

_LINE = re.compile(rb"(\S+) (\S+) HTTP/([0-9])\.([0-9])")
_OTHER_VERSION = re.compile(rb"\S+ \S+ HTTP/(?!1\.)[0-9]\.[0-9]")
_METHOD = re.compile(TOKEN + rb"+")
_NAME = re.compile(TOKEN + rb"+:")
_VALUE = re.compile(VALUE)
_STRAY = re.compile(rb"\x00|\r(?=[^\n])|(?<!\r)\n")
"""NUL, a bare CR, a bare LF (RFC 9112, section 2.2; RFC 9110, section 5.5)."""
_STRAY_NAMES = {b"\0": "a NUL", b"\r": "a CR without LF", b"\n": "a line that ends in LF without CR"}


class Refused(Exception):
    """A request that is answered with `status` and the reason, and is the connection's last."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        """The status code (RFC 9110, section 15)."""
        self.reason = reason
        """One sentence, for the answer's content."""


def check_unfinished(part: bytes, scanned: int, most: int) -> None:
    """Raise Refused if no continuation can make this beginning of a head valid, or it has more than `most` bytes.

    scanned: how many of its bytes were looked at before.
    """
    line, ended, _ = part.partition(b"\r\n")
    _check_for_strays(line, max(0, scanned - 1))
    if ended and scanned <= len(line) + 2:
        _check_request_line(line)
    _check_for_strays(part, max(0, scanned - 1))
    if len(line) > LONGEST_TARGET + 64:
        raise Refused(414, f"the target has more than {LONGEST_TARGET} bytes")
    if len(part) > most:
        raise Refused(431, f"the fields have more than {most} bytes")


def malformed(head: bytes) -> Refused:
    """Why this head, which ends in an empty line, is not valid."""
    line, *fields = head[:-4].split(b"\r\n")
    try:
        _check_for_strays(line, 0)
        _check_request_line(line)
        _check_for_strays(head, 0)
    except Refused as refusal:
        return refusal
    if len(fields) > MOST_FIELDS:
        return Refused(431, f"more than {MOST_FIELDS} fields")
    return next(filter(None, map(_wrong_field, fields)), Refused(400, "the head is malformed"))


def _check_for_strays(part: bytes, begin: int) -> None:
    """Raise Refused if there is a byte, from `begin` on, that ends lines in some other program's opinion."""
    stray = _STRAY.search(part, begin)
    if stray:
        raise Refused(400, f"{_STRAY_NAMES[stray[0]]} in the head")


def _check_request_line(line: bytes) -> None:
    """Raise Refused unless it is method, target and version 1.x with one space between (RFC 9112, section 3)."""
    if _OTHER_VERSION.fullmatch(line):
        raise Refused(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    parts = _LINE.fullmatch(line)
    if not parts:
        raise Refused(400, "the request line is not a method, a target and HTTP/1.1 with one space between")
    if len(parts[2]) > LONGEST_TARGET:
        raise Refused(414, f"the target has more than {LONGEST_TARGET} bytes")
    if not _METHOD.fullmatch(parts[1]):
        raise Refused(400, "the method has a character that no method has")
    if len(parts[1]) > 20:
        raise Refused(501, "no method has so long a name")


def _wrong_field(line: bytes) -> Refused | None:
    """What is wrong with a field's line (RFC 9112, section 5; RFC 9110, section 5.5)."""
    if line[:1] in b" \t":
        return Refused(400, "a line begins with a blank: folded fields are obsolete")
    name = _NAME.match(line)
    if not name:
        blank = re.match(TOKEN + rb"+[ \t]+:", line)
        return Refused(400, "a blank before a field's colon" if blank else "a field whose name is no token")
    if not _VALUE.fullmatch(line, name.end()):
        return Refused(400, "a control character in a field's value")
    return None
