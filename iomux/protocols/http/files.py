"""Files of one folder, and nothing outside it: opened, and then asked where they are.

A path is taken apart before it is decoded, so an encoded slash separates nothing. `.` and `..` are resolved in the path
(RFC 3986, section 5.2.4), and one that would leave the folder is refused. A symbolic link may lead out of the folder
all the same: so what was opened is asked for its place (proc(5), /proc/pid/fd), after the fact, and nobody can exchange
a link between the question and the opening. Opening does not wait for a FIFO's other end (open(2), O_NONBLOCK).

Cost: open and fstat, and readlink for what is in a folder of the folder; then a read for each piece, and a fstat, which
tells whether the file has changed.
"""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

PIECE_BYTES = 64 * 1024
"""How much of a file is read at a time. Below 128 KiB, from which on malloc(3) asks the kernel for fresh memory."""
_SIMPLE = re.compile(r"(?:/[^./%][^/%]*+)++/?")
"""A path that means what it says: no name begins with a dot, nothing is encoded."""
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Outside(Exception):
    """The path leads out of the folder, or can be no file's name."""


def relative(path: str) -> bytes:
    """The path within the folder that a target's path means, decoded. That of a folder ends in a slash, or is empty.

    Raises Outside.

    Example:
    >>> from iomux.protocols.http.files import relative
    >>> relative("/a//b/../c%20d/"), relative("/e/.."), relative("/f")
    (b'a/c d/', b'', b'f')
    """
    if _SIMPLE.fullmatch(path):
        return path[1:].encode("ascii")
    found: list[bytes] = []
    last = b""
    for raw in path.split("/")[1:]:
        last = unquote_to_bytes(raw)
        if b"/" in last or b"\0" in last:
            raise Outside("a name has a slash or a NUL")
        if last == b"..":
            if not found:
                raise Outside("the path leads out of the folder")
            found.pop()
        elif last not in (b"", b"."):
            found.append(last)
    is_folder = last in (b"", b".", b"..")
    return b"/".join([*found, b""] if found and is_folder else found)


class Changed(OSError):
    """The file is no longer the version that was promised."""


def open_within(root: bytes, path: bytes) -> int:
    """A descriptor of what has this path in the folder `root`, whose own path is real. Raises OSError, Outside."""
    if b"/" not in path:
        try:
            return os.open(b"%b/%b" % (root, path), _FLAGS | os.O_NOFOLLOW)  # no link, no folder: so it is inside
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
    fd = os.open(b"%b/%b" % (root, path), _FLAGS)
    try:
        place = os.readlink(b"/proc/self/fd/%d" % fd)
        if not (place + b"/").startswith(root.rstrip(b"/") + b"/"):
            raise Outside("a link leads out of the folder")
    except BaseException:
        os.close(fd)
        raise
    return fd


def is_version(status: os.stat_result, promised: os.stat_result) -> bool:
    """Whether the content is still the one of then, as far as its time and its size tell."""
    return status.st_mtime_ns == promised.st_mtime_ns and status.st_size == promised.st_size


def read(fd: int, begin: int, end: int) -> bytes:
    """These bytes of the file, in one call. Raises Changed if they are not there any more."""
    data = os.pread(fd, end - begin, begin)
    if len(data) != end - begin:
        raise Changed("the file is being changed")
    return data


class Pieces:
    """An iterator over these bytes of a file, which has its descriptor until it is used up or closed.

    Raises Changed when the file is no longer the version that was promised; more bytes than promised are never given.
    """

    def __init__(self, fd: int, begin: int, end: int, promised: os.stat_result, name: str) -> None:
        self._file = open(fd, "rb", buffering=0)  # noqa: SIM115 - closed by close, and at the end
        self._at, self._end = begin, end
        self._promised = promised
        self._name = name

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        size = min(PIECE_BYTES, self._end - self._at)
        if not size:
            self.close()
            raise StopIteration
        fd = self._file.fileno()
        data = os.pread(fd, size, self._at)
        if not data or not is_version(os.fstat(fd), self._promised):
            self.close()
            raise Changed(f"{self._name} changed while it was sent")
        self._at += len(data)
        return data

    def close(self) -> None:
        """Close the file; its descriptor is free at once."""
        with contextlib.suppress(OSError):
            self._file.close()
