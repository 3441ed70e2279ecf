"""Conditional requests: has the client this very version already, or the one that it thinks it changes?

The order is RFC 9110's, section 13.2.2: If-Match, else If-Unmodified-Since (412 if it fails); If-None-Match, else
If-Modified-Since (304: what you have is still right); then Range, if If-Range names this very version.
"""

import re
from collections.abc import Mapping

from iomux.protocols.http import dates

_TAG = re.compile(r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_RANGE = re.compile(r"bytes=[ \t]*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))[ \t]*", re.IGNORECASE)


def precondition(fields: Mapping[str, str], tag: str, modified: int) -> int:
    """304 or 412 if that is the answer to a GET or HEAD with these fields, else 0.

    tag: the version's strong entity tag, with its quotes. modified: seconds since 1970.

    Example:
    >>> from iomux.protocols.http.conditions import precondition
    >>> precondition({"if-none-match": 'W/"a", "b"'}, '"b"', 0), precondition({"if-match": '"c"'}, '"b"', 0)
    (304, 412)
    """
    if "if-match" in fields:
        if not _listed(fields["if-match"], tag, weak=False):
            return 412
    elif _is_older(fields.get("if-unmodified-since"), modified):
        return 412
    if "if-none-match" in fields:
        return 304 if _listed(fields["if-none-match"], tag, weak=True) else 0
    since = dates.read(fields.get("if-modified-since", ""))
    return 304 if since is not None and modified <= since else 0


def part(fields: Mapping[str, str], tag: str, modified: int, whole: range) -> range:
    """Which bytes of the `whole` a GET asks for. Raises ValueError if there are no such bytes.

    Several ranges are answered with all bytes, as RFC 9110, section 14.2, permits; and so is what is no range.

    Example:
    >>> from iomux.protocols.http.conditions import part
    >>> part({"range": "bytes=2-"}, '"a"', 0, range(10)), part({"range": "bytes=-3"}, '"a"', 0, range(10))
    (range(2, 10), range(7, 10))
    """
    wanted = _RANGE.fullmatch(fields.get("range", ""))
    if not wanted or not _same_version(fields.get("if-range"), tag, modified):
        return whole
    size = len(whole)
    first, last, suffix = wanted.groups()
    if suffix:
        if not int(suffix):
            raise ValueError("no bytes are asked for")
        return range(max(0, size - int(suffix)), size) if size else whole
    if last and int(last) < int(first):
        return whole  # invalid, and so ignored (RFC 9110, section 14.1.1)
    if int(first) >= size:
        raise ValueError("the range begins behind the end")
    return range(int(first), min(int(last) + 1, size) if last else size)


def _listed(value: str, tag: str, weak: bool) -> bool:
    """Whether a list of entity tags has this one; a weak comparison overlooks `W/` (RFC 9110, section 8.8.3.2)."""
    if value.strip() == "*":
        return True
    return any(found[0].removeprefix("W/" if weak else "") == tag for found in _TAG.finditer(value))


def _is_older(value: str | None, modified: int) -> bool:
    moment = None if value is None else dates.read(value)
    return moment is not None and modified > moment


def _same_version(value: str | None, tag: str, modified: int) -> bool:
    """Whether If-Range, if there is one, names this version: by its strong tag or its exact date (section 13.1.5)."""
    return value is None or value == tag or dates.read(value) == modified
