"""Patterns of KEYS, SCAN and PSUBSCRIBE: * any bytes, ? one byte, [a-c] [^a] one of a set, a backslash before what is
meant literally (redis.io, command KEYS).

Each becomes a regular expression. What stands between two stars has a fixed length, so its first occurrence is always
the right one: an atomic group, `(?>.*?text)`, says so, and a pattern of many stars cannot make the expression try all
ways to divide a key among them, which would take exponential time.
"""

import functools
import re

from iomux.protocols.resp.base.refused import Refused

MOST_BYTES = 4096
"""The longest pattern: making an expression of it takes some microseconds a byte, in which all others wait."""


@functools.lru_cache(256)
def pattern(glob: bytes) -> "re.Pattern[bytes]":
    """The expression that matches, with `match`, exactly the keys that the pattern means; raises Refused if it is long.

    Example:
    >>> from iomux.protocols.resp.base.patterns import pattern
    >>> [key for key in (b"user:1", b"user:", b"use") if pattern(b"user:?*").match(key)]
    [b'user:1']
    """
    if len(glob) > MOST_BYTES:
        raise Refused(b"ERR pattern is longer than %d bytes" % MOST_BYTES)
    first, *others = _parts(glob)
    if not others:
        return re.compile(first + rb"\Z", re.DOTALL)
    *middle, last = others
    inner = b"".join(rb"(?>.*?" + part + b")" for part in middle if part)
    return re.compile(first + inner + rb".*" + last + rb"\Z", re.DOTALL)


def _parts(glob: bytes) -> list[bytes]:
    """What stands between the stars, each as a regular expression of fixed length."""
    parts, at = [b""], 0
    while at < len(glob):
        char, at = glob[at : at + 1], at + 1
        if char == b"*":
            parts.append(b"")
        elif char == b"?":
            parts[-1] += b"."
        elif char == b"[":
            chosen, at = _set(glob, at)
            parts[-1] += chosen
        else:
            if char == b"\\" and at < len(glob):
                char, at = glob[at : at + 1], at + 1
            parts[-1] += re.escape(char)
    return parts


def _set(glob: bytes, at: int) -> tuple[bytes, int]:
    """The set of bytes that begins at `at`, behind its bracket, as an expression, and where it ends."""
    inverted = glob[at : at + 1] == b"^"
    at += inverted
    members: set[int] = set()
    while at < len(glob) and glob[at : at + 1] != b"]":
        if glob[at : at + 1] == b"\\" and at + 1 < len(glob):
            at += 1
            members.add(glob[at])
            at += 1
        elif glob[at + 1 : at + 2] == b"-" and at + 2 < len(glob):
            low, high = sorted((glob[at], glob[at + 2]))
            members.update(range(low, high + 1))
            at += 3
        else:
            members.add(glob[at])
            at += 1
    chosen = members.symmetric_difference(range(256)) if inverted else members
    expression = b"[" + b"".join(b"\\x%02x" % byte for byte in sorted(chosen)) + b"]" if chosen else b"(?!)"
    return expression, at + 1
