"""From the match of a head to what it means: which request, how long its body is, and whether the connection stays.

Where a request ends decides what the next one is, so everything that two programs could read in two ways is refused:
two lengths, a length beside chunks, a coding that is not known (RFC 9112, sections 6.1, 6.3 and 11.2).
"""

import re
from typing import NamedTuple

from iomux.protocols.http.grammar import ABSOLUTE, FIELD, HOST, LONGEST_TARGET, ORIGIN
from iomux.protocols.http.refusal import Refused
from iomux.protocols.http.request import Request

CHUNKED = -1
"""The length of a body that comes in chunks."""
_LONGEST_NUMBER = 18
"""Digits of a length; more is beyond every limit, and int() refuses thousands of digits."""

Fields = dict[bytes, list[bytes]]


class Head(NamedTuple):
    """A request whose body is still to come, and what its head says about the connection."""

    request: Request
    length: int
    """The body's bytes, 0 if there is none, CHUNKED if the chunks will tell."""
    keep: bool
    """Whether the client wants the connection to stay (RFC 9112, section 9.3)."""
    expects: bool
    """Whether the client waits for `100 Continue` before it sends the body (RFC 9110, section 10.1.1)."""


def understand(match: re.Match[bytes]) -> Head:
    """What a match of `HEAD` means. Raises Refused if the fields contradict each other or name what is not known."""
    method, target, minor, raw = match.groups()
    version = "1.0" if minor == b"0" else "1.1"
    fields: Fields = {}
    for name, value in FIELD.findall(raw):
        fields.setdefault(name.lower(), []).append(value.rstrip(b" \t"))
    _check_host(fields, version)
    length = _length(fields, version)
    expects = _expects(fields, version) and length != 0
    origin, authority = _origin(method, target)
    if authority:  # what the target says counts, and the Host field is ignored
        raw = b"Host: " + authority + b"\r\n" + re.sub(rb"(?im)^host:[^\n]*\n", b"", raw)
    conditional = any(name == b"range" or name.startswith(b"if-") for name in fields)
    request = Request(method.decode("ascii"), origin.decode("ascii"), version, raw, b"", conditional)
    return Head(request, length, _keep(fields, version), expects)


def _check_host(fields: Fields, version: str) -> None:
    hosts = fields.get(b"host", [])
    if len(hosts) > 1:
        raise Refused(400, "two Host fields")  # RFC 9112, section 3.2
    if not hosts and version == "1.1":
        raise Refused(400, "no Host field")
    if hosts and not HOST.fullmatch(hosts[0]):
        raise Refused(400, "the Host field is no host with an optional port")


def _length(fields: Fields, version: str) -> int:
    """How long the body is (RFC 9112, section 6.3)."""
    codings, lengths = fields.get(b"transfer-encoding"), fields.get(b"content-length")
    if codings is not None:
        return _coded(b",".join(codings).lower(), lengths is not None, version)
    if lengths is None:
        return 0
    if len(lengths) > 1 or not lengths[0].isdigit():
        raise Refused(400, "Content-Length is not one number")
    if len(lengths[0].lstrip(b"0")) > _LONGEST_NUMBER:
        raise Refused(413, "the body is too large")
    return int(lengths[0][-_LONGEST_NUMBER:])


def _coded(coding: bytes, has_length: bool, version: str) -> int:
    """The length of a body with a transfer coding: only `chunked` alone is known here."""
    if has_length:
        raise Refused(400, "Content-Length beside Transfer-Encoding")
    if version == "1.0":
        raise Refused(400, "HTTP/1.0 has no Transfer-Encoding")
    if coding == b"chunked":
        return CHUNKED
    names = [name.strip(b" \t") for name in coding.split(b",")]
    if names[-1] != b"chunked" or names.count(b"chunked") > 1 or b"" in names:
        raise Refused(400, "Transfer-Encoding does not end in one `chunked`")
    raise Refused(501, "no transfer coding but chunked is known here")


def _expects(fields: Fields, version: str) -> bool:
    expectations = fields.get(b"expect")
    if expectations is None or version == "1.0":  # HTTP/1.0's is ignored
        return False
    if [value.lower() for value in expectations] != [b"100-continue"]:
        raise Refused(417, "no expectation but 100-continue is known here")
    return True


def _keep(fields: Fields, version: str) -> bool:
    values = fields.get(b"connection")
    if values is None:
        return version == "1.1"
    options = {option.strip(b" \t") for option in b",".join(values).lower().split(b",")}
    return b"close" not in options and (version == "1.1" or b"keep-alive" in options)


def _origin(method: bytes, target: bytes) -> tuple[bytes, bytes]:
    """Path and query of the target, or `*`, and the authority of an absolute form (RFC 9112, section 3.2)."""
    if len(target) > LONGEST_TARGET:
        raise Refused(414, f"the target has more than {LONGEST_TARGET} bytes")
    if method == b"CONNECT":
        raise Refused(501, "this is no proxy")
    absolute = ABSOLUTE.fullmatch(target)
    origin = absolute[2] if absolute else target
    if absolute and not origin.startswith(b"/"):
        origin = b"*" if method == b"OPTIONS" and not origin else b"/" + origin
    about_all = origin == b"*" and method == b"OPTIONS"
    if not about_all and not ORIGIN.fullmatch(origin):
        raise Refused(400, "the target is no path with an optional query")
    return origin, absolute[1] if absolute else b""
