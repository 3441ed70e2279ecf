"""A request's body, taken out of the stream as it comes: so many bytes, or chunks that say so themselves.

Both objects have one method, `take(data, at)`: it takes what is there and returns where it stopped, and `done` tells
whether the body is complete. A chunk's size is checked by one regular expression for its whole line, because each
leniency here (a sign, `0x`, a blank, a bare LF) is known to smuggle a second request past somebody (RFC 9112, 7.1).
The content is kept in one piece: a mebibyte in chunks of one byte would be a million objects.
"""

import re

from iomux.protocols.http.grammar import TOKEN, VALUE
from iomux.protocols.http.refusal import Refused

LONGEST_LINE = 4096
"""Most bytes of a chunk's first line, and of all trailers: extensions ought to be limited (RFC 9112, 7.1.1)."""
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_EXTENSION = rb"[ \t]*;[ \t]*" + TOKEN + rb"+(?:[ \t]*=[ \t]*(?:" + TOKEN + rb"+|" + _QUOTED + rb"))?"
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})((?:" + _EXTENSION + rb")*)\r\n")
"""A chunk's first line; sixteen digits are 64 bits."""
_TRAILER = re.compile(rb"(?:" + TOKEN + rb"+:" + VALUE + rb"\r\n|\r\n)")


class Fixed:
    """A body of `length` bytes; at most `most`, else Refused is raised."""

    def __init__(self, length: int, most: int) -> None:
        if length > most:
            raise Refused(413, f"the body has {length} bytes, and {most} are taken")
        self._left = length
        self._content = bytearray()

    @property
    def done(self) -> bool:
        """Whether all bytes are there."""
        return not self._left

    def take(self, data: bytes, at: int) -> int:
        """Take the body's bytes from `data[at:]`; return where what follows begins."""
        part = data[at : at + self._left]
        self._content += part
        self._left -= len(part)
        return at + len(part)

    def content(self) -> bytes:
        """The whole body."""
        return bytes(self._content)


class Chunked:
    """A body in chunks (RFC 9112, section 7.1), whose content has at most `most` bytes. Trailers are dropped.

    Example:
    >>> from iomux.protocols.http.body import Chunked
    >>> body = Chunked(most=100)
    >>> body.take(b"5;a=b\\r\\nhello\\r\\n0\\r\\nTrailer: x\\r\\n\\r\\nGET", 0), body.done, body.content()
    (31, True, b'hello')
    """

    def __init__(self, most: int) -> None:
        self.done = False
        """Whether the last chunk and the trailers are there."""
        self._most = most
        self._taken = 0
        self._left = 0
        self._owed = b""  # what has to follow a chunk's bytes
        self._trailers = -1  # their bytes so far; -1: not reached
        self._content = bytearray()

    def take(self, data: bytes, at: int) -> int:
        """Take what is complete of `data[at:]`; return where it stopped. Raises Refused for a malformed chunk."""
        while not self.done:
            before, left = at, self._left
            if left:
                at = self._take_bytes(data, at)
            elif self._trailers >= 0:
                at = self._take_trailer(data, at)
            else:
                at = self._take_line(data, at)
            if at == before and left == self._left:
                break
        return at

    def content(self) -> bytes:
        """The whole body, without the chunks' lines."""
        return bytes(self._content)

    def _take_line(self, data: bytes, at: int) -> int:
        owed = data[at : at + len(self._owed)]
        if owed != self._owed[: len(owed)]:
            raise Refused(400, "no CRLF behind a chunk's bytes")
        if len(owed) < len(self._owed):
            return at
        line = _SIZE.match(data, at + len(owed))
        if not line:
            return self._unfinished(data, at, at + len(owed))
        if len(line[2]) > LONGEST_LINE:
            raise Refused(400, "a chunk's line is too long")
        self._left = int(line[1], 16)
        self._taken += self._left + len(line[2])
        if self._taken > self._most:
            raise Refused(413, f"the chunks have more than the {self._most} bytes that are taken")
        self._owed = b"\r\n"
        if not self._left:
            self._trailers = 0
        return line.end()

    def _take_bytes(self, data: bytes, at: int) -> int:
        part = data[at : at + self._left]
        self._content += part
        self._left -= len(part)
        return at + len(part)

    def _take_trailer(self, data: bytes, at: int) -> int:
        line = _TRAILER.match(data, at)
        if not line:
            return self._unfinished(data, at, at)
        self.done = line[0] == b"\r\n"
        self._trailers += len(line[0])
        if self._trailers > LONGEST_LINE:
            raise Refused(431, f"the trailers have more than {LONGEST_LINE} bytes")
        return line.end()

    @staticmethod
    def _unfinished(data: bytes, at: int, line: int) -> int:
        """`at`: wait for the rest of the line that begins at `line`. Raises Refused if it has ended, or is too long."""
        if b"\n" in data[line:]:
            raise Refused(400, "a chunk's size or a trailer is malformed")
        if len(data) - line > LONGEST_LINE:
            raise Refused(400, "a chunk's line is too long")
        return at
