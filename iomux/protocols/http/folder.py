"""The files of a folder as a site: GET and HEAD, in pieces, with conditional requests and ranges.

A small file is read at once and sent behind its head, in one call. A large one is read in pieces, each when the client
has taken the one before, so it costs the memory of one piece, whoever reads it and how slowly.
"""

import errno
import functools
import os
import stat
import time
from pathlib import Path
from urllib.parse import quote

from iomux.protocols.http import conditions, dates, files
from iomux.protocols.http.connection import Speaker
from iomux.protocols.http.media import media_type
from iomux.protocols.http.request import Request
from iomux.protocols.http.response import Answer, text
from iomux.protocols.http.service import Limits, service
from iomux.system.sockets import SHORTAGE

INDEX = b"index.html"
"""The file that stands for its folder."""
_RETRY = b"Retry-After: 1\r\n"


def site(folder: str | os.PathLike[str], *, limits: Limits | None = None) -> Speaker:
    """A web server of the files in `folder`: give it to `iomux.start(..., protocol=)`.

    limits: bytes and seconds of each client. Raises NotADirectoryError, FileNotFoundError or PermissionError if this is
    no folder that can be read. Symbolic links are followed within the folder only. Names need not be UTF-8.

    Example:
    >>> from iomux.protocols.http import site
    >>> connection = site("docs")(now=0.0, say=print)
    >>> connection.feed(b"GET /reference.md HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n", now=0.0).splitlines()[0]
    b'HTTP/1.1 200 OK'
    """
    os.listdir(folder)  # raises what is wrong with it
    root = os.path.realpath(os.fsencode(Path(folder)))
    return Speaker(service(functools.partial(_respond, root), ("GET", "HEAD", "OPTIONS"), limits or Limits()))


def _respond(root: bytes, request: Request) -> Answer:
    if request.method == "OPTIONS":
        return 204, b"Allow: GET, HEAD, OPTIONS\r\n", b"", 0
    try:
        path = files.relative(request.target.partition("?")[0])
        if not path or path.endswith(b"/"):
            path += INDEX
        return _opened(files.open_within(root, path), path, request)
    except files.Outside as reason:
        return text(404, str(reason))
    except files.Changed as reason:
        return text(503, str(reason), _RETRY)
    except OSError as error:
        if error.errno in SHORTAGE:
            return text(503, "too many files are open here", _RETRY)
        if error.errno in (errno.EACCES, errno.EPERM):
            return text(403, "the file cannot be read")
        return text(404, "no such file")


def _opened(fd: int, path: bytes, request: Request) -> Answer:
    """The answer from an open file, which keeps the descriptor or closes it."""
    kept = False
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return _no_file(fd, path)
        answer = _answer(fd, status, path, request)
        kept = isinstance(answer[2], files.Pieces)
        return answer
    finally:
        if not kept:
            os.close(fd)


def _no_file(fd: int, path: bytes) -> Answer:
    """A folder without its slash is redirected to the one with it, so that links in its page are right."""
    if not os.path.isdir(fd):
        return text(404, "no regular file")
    place = f"/{quote(path)}/"
    return text(301, f"the folder is at {place}", b"Location: " + place.encode("ascii") + b"\r\n")


def _answer(fd: int, status: os.stat_result, path: bytes, request: Request) -> Answer:
    """The answer from an open regular file: all of it, or what the request's conditions and range leave."""
    size = status.st_size
    is_past = status.st_mtime <= time.time()
    fields = _described(path.rpartition(b".")[2], status.st_mtime_ns, size, status.st_ino, is_past)
    if not request.conditional:
        return 200, fields, _body(fd, status, 0, size, path, request), size
    whole = range(size)
    wanted = _wanted(request, _tag(status.st_mtime_ns, size, status.st_ino), status, whole)
    if isinstance(wanted, int):
        return _without_file(wanted, fields, size)
    if wanted is not whole:
        fields += b"Content-Range: bytes %d-%d/%d\r\n" % (wanted.start, wanted.stop - 1, size)
    body = _body(fd, status, wanted.start, wanted.stop, path, request)
    return 200 if wanted is whole else 206, fields, body, len(wanted)


def _body(fd: int, status: os.stat_result, begin: int, end: int, path: bytes, request: Request) -> bytes | files.Pieces:
    if request.method == "HEAD":
        return b""
    if end - begin <= files.PIECE_BYTES:
        return files.read(fd, begin, end)
    return files.Pieces(fd, begin, end, status, ascii(os.fsdecode(path)))


def _tag(modified_ns: int, size: int, inode: int) -> str:
    """The strong entity tag of a file's version (RFC 9110, section 8.8.3)."""
    return f'"{modified_ns:x}-{size:x}-{inode:x}"'


@functools.lru_cache(maxsize=1024)
def _described(suffix: bytes, modified_ns: int, size: int, inode: int, is_past: bool) -> bytes:
    """The fields that say what a file's version is. Last-Modified is never later than Date (section 8.8.2.1)."""
    tag = b"ETag: %b\r\n" % _tag(modified_ns, size, inode).encode("ascii")
    date = b"Last-Modified: %b\r\n" % dates.written(modified_ns // 10**9) if is_past else b""
    return b"Content-Type: %b\r\nAccept-Ranges: bytes\r\n%b%b" % (media_type(suffix), tag, date)


def _wanted(request: Request, tag: str, status: os.stat_result, whole: range) -> range | int:
    """Which of the file's bytes are asked for, or the status of an answer without them."""
    fields, modified = request.fields, status.st_mtime_ns // 10**9
    refused = conditions.precondition(fields, tag, modified)
    if refused or request.method != "GET":  # a range of anything but GET is ignored (RFC 9110, section 14.2)
        return refused or whole
    try:
        return conditions.part(fields, tag, modified, whole)
    except ValueError:
        return 416


def _without_file(status: int, described: bytes, size: int) -> Answer:
    if status == 304:
        return 304, described[described.index(b"ETag:") :], b"", None  # no more (RFC 9110, section 15.4.5)
    if status == 412:
        return text(412, "the file is another version than the request says")
    return text(416, f"the file has {size} bytes", b"Content-Range: bytes */%d\r\n" % size)
