"""A request as a handler gets it: complete, valid, and nothing in it that belongs to the connection only."""

from typing import NamedTuple
from urllib.parse import unquote

from iomux.protocols.http.grammar import FIELD


class Request(NamedTuple):
    """One request. Frozen, and made in a third of a microsecond: the fields are taken apart only if asked for.

    Example:
    >>> from iomux.protocols.http import Request
    >>> request = Request("GET", "/a%20b?c=d", "1.1", b"Host: x\\r\\nAccept: a\\r\\naccept: b\\r\\n")
    >>> request.path, request.query, request.fields["accept"]
    ('/a b', 'c=d', 'a, b')
    """

    method: str
    target: str
    """Path and query as sent, or `*`. One in absolute form is cut to its path and query (RFC 9112, section 3.2.2)."""
    version: str
    """`1.1` or `1.0`; a higher minor version counts as 1.1 (RFC 9110, section 2.5)."""
    raw_fields: bytes
    """The fields as they were sent, each with its line's end; the authority of an absolute form as Host."""
    body: bytes = b""
    """The content, out of its chunks; empty if there is none. Trailers are read and dropped (RFC 9110, section 6.5)."""
    conditional: bool = False
    """Whether there is a condition (`If-...`) or a range among the fields (RFC 9110, sections 13 and 14)."""

    @property
    def fields(self) -> dict[str, str]:
        """The values by lower-case names; of repeated ones a list with commas (RFC 9110, section 5.3). Made anew."""
        found: dict[str, str] = {}
        for name, value in FIELD.findall(self.raw_fields):
            key, text = name.decode("ascii").lower(), value.decode("latin-1")
            found[key] = f"{found[key]}, {text}" if key in found else text
        return found

    @property
    def path(self) -> str:
        """The target's path, decoded; bytes that are not UTF-8 as os.fsdecode() gives them."""
        return unquote(self.target.partition("?")[0], errors="surrogateescape")

    @property
    def query(self) -> str:
        """What follows the question mark, as sent."""
        return self.target.partition("?")[2]
