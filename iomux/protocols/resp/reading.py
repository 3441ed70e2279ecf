r"""Bytes to commands: arrays of bulk strings, as client libraries send them, and inline commands, as people type them.

A stream has no messages: a command arrives in any pieces, and many arrive at once. Most reads hold whole commands of
short arguments, and of such a read `bytes.split` makes all lines in one call; an argument that is exactly as long as
the line in front of it says was divided rightly. At the first command that is otherwise (inline, cut off, with an end
of line inside, long) the rest of the read is taken command by command, by `_one`, which knows every form. So the work
is linear in the bytes, whoever sends them. What is only promised, `$500000000`, takes no memory.

Cost: a command of two arguments under a microsecond, one that is taken slowly some three times that.
Limits and texts are those of redis-server 7.0.15. Source: redis.io, "Redis serialization protocol specification".
"""

from collections.abc import Iterator

from iomux.protocols.resp.base.numbers import integer
from iomux.protocols.resp.base.refused import Refused
from iomux.protocols.resp.inline import ProtocolError, words

LINE_BYTES = 64 * 1024
"""The longest line: an inline command, or a count."""
BULK_BYTES = 512 << 20
"""The longest argument."""
MOST_ARGUMENTS = 2**31 - 1
PENDING_BYTES = 1 << 30
"""So much of an unfinished command is kept; a client that sends more is let go (client-query-buffer-limit)."""
SINGLE_BYTES = 160
"""A read of more is likely to hold several commands."""
_SINGLE = {6: 2, 8: 3}  # arguments of a command by the lines of a read that it fills
_ASTERISK = ord("*")
_COUNTS = {b"*%d" % count: count for count in range(1, 1025)}
_LENGTHS = {b"$%d" % length: length for length in range(4096)}


class Reader:
    """What one client has said of a command that is not complete.

    Example:
    >>> from iomux.protocols.resp.reading import Reader
    >>> reader = Reader()
    >>> list(reader.commands(b"*2\\r\\n$4\\r\\nECHO\\r\\n$2\\r\\nhi\\r\\nPING\\r\\n*1\\r\\n$4\\r\\nPI"))
    [[b'ECHO', b'hi'], [b'PING']]
    >>> list(reader.commands(b"NG\\r\\n"))
    [[b'PING']]
    """

    __slots__ = ("_arguments", "_bulk", "_kept", "_missing", "_size")

    def __init__(self) -> None:
        self._arguments: list[bytes] = []
        self._missing = 0  # arguments still to come
        self._bulk = -1  # length of the argument under way
        self._kept = bytearray()  # of a line or an argument that is cut off
        self._size = 0  # of the arguments that have come

    @property
    def between(self) -> bool:
        """Whether the last command is complete."""
        return not (self._kept or self._missing)

    def single(self, data: bytes) -> list[bytes] | None:
        """The command of two or three short arguments that this is, and nothing else; None: ask `commands`.

        A client that waits for each answer sends such reads, and this takes half of the time.
        """
        if len(data) > SINGLE_BYTES:
            return None
        lines = data.split(b"\r\n")
        count = _SINGLE.get(len(lines))
        if count is None or lines[-1] or _COUNTS.get(lines[0]) != count or self._missing or self._kept:
            return None
        return lines[2::2] if _as_long_as_told(lines, 0, count) else None

    def commands(self, data: bytes) -> Iterator[list[bytes]]:
        """The commands that are complete now that this has arrived; raises ProtocolError. Use up before the next."""
        if self._kept or self._missing:
            if not self._enough(data):
                return
            data, self._kept = bytes(self._kept) + data, bytearray()
            command, at = self._one(data, 0)
            if command:
                yield command
            data = data[at:]
        lines = data.split(b"\r\n")
        at, last = 0, len(lines) - 1
        while at < last:
            count = _COUNTS.get(lines[at])
            if count is None:
                break
            end = at + 1 + 2 * count
            if end > last or not _as_long_as_told(lines, at, count):
                break
            yield lines[at + 2 : end : 2]
            at = end
        if at == last and not lines[at]:
            return
        at = sum(map(len, lines[:at])) + 2 * at
        while at < len(data):
            command, at = self._one(data, at)
            if command:
                yield command

    def _enough(self, data: bytes) -> bool:
        """Whether an argument that is cut off is complete with this; if not, it is kept."""
        if self._bulk < 0 or len(self._kept) + len(data) >= self._bulk + 2:
            return True
        self._keep(data)
        return False

    def _one(self, data: bytes, at: int) -> tuple[list[bytes], int]:
        """The command from that position on, of whatever form, and where it ends; what is cut off is kept."""
        while at < len(data):
            if self._bulk >= 0:
                end = at + self._bulk
                if end + 2 > len(data):
                    break
                self._arguments.append(data[at:end])
                self._size += self._bulk
                self._bulk, at = -1, end + 2
                self._missing -= 1
                if not self._missing:
                    complete, self._arguments, self._size = self._arguments, [], 0
                    return complete, at
            elif self._missing or data[at] == _ASTERISK:
                end = data.find(b"\r", at, at + LINE_BYTES)
                if end < 0 or end + 2 > len(data):
                    break
                self._promise(data[at:end])
                at = end + 2
                if not self._missing:
                    return [], at
            else:
                end = data.find(b"\n", at, at + LINE_BYTES)
                if end < 0:
                    break
                return words(data[at:end].removesuffix(b"\r")), end + 1
        self._cut(data, at)
        return [], len(data)

    def _promise(self, line: bytes) -> None:
        """A line that says how many arguments there are, or how long the next one is."""
        if self._missing:
            self._bulk = _length(line)
        else:
            self._missing = _count(line)

    def _cut(self, data: bytes, at: int) -> None:
        """Keep what is cut off; a line may not be longer than a line can be."""
        if self._bulk < 0 and len(data) - at > LINE_BYTES:
            if self._missing:
                raise ProtocolError(b"too big bulk count string")
            raise ProtocolError(b"too big mbulk count string" if data[at] == _ASTERISK else b"too big inline request")
        self._keep(data[at:])

    def _keep(self, data: bytes) -> None:
        self._kept += data
        if self._size + len(self._kept) > PENDING_BYTES:
            raise ProtocolError


def _as_long_as_told(lines: list[bytes], at: int, count: int) -> bool:
    """Whether each argument of the command at that line is as long as the line in front of it says.

    With two or three arguments, as most commands have, a comparison each takes half the time of lists of lengths.
    """
    told = _LENGTHS.get
    if count == 2:
        return told(lines[at + 1]) == len(lines[at + 2]) and told(lines[at + 3]) == len(lines[at + 4])
    if count == 3:
        return (
            told(lines[at + 1]) == len(lines[at + 2])
            and told(lines[at + 3]) == len(lines[at + 4])
            and told(lines[at + 5]) == len(lines[at + 6])
        )
    end = at + 1 + 2 * count
    return list(map(len, lines[at + 2 : end : 2])) == list(map(told, lines[at + 1 : end : 2]))


def _count(line: bytes) -> int:
    """How many arguments a command has; none at all if the count is not positive."""
    try:
        count = integer(line[1:])
    except Refused:
        raise ProtocolError(b"invalid multibulk length") from None
    if count > MOST_ARGUMENTS:
        raise ProtocolError(b"invalid multibulk length")
    return max(count, 0)


def _length(line: bytes) -> int:
    """How long the next argument is."""
    if line[:1] != b"$":
        raise ProtocolError(b"expected '$', got '%b'" % (line[:1] or b"\r"))
    try:
        length = integer(line[1:])
    except Refused:
        raise ProtocolError(b"invalid bulk length") from None
    if not 0 <= length <= BULK_BYTES:
        raise ProtocolError(b"invalid bulk length")
    return length
