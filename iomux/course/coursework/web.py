"""A solution of the first assignment of notebook 14: `iomux.check_http("epoll", protocol=site)` passes stages A and B.

The page's object, with what a browser does not ask for: HEAD, other methods, a date, paths with blanks, HTTP/1.0, an
empty line in front. It takes no bodies and has no limits: those are the second assignment and the third, whose solution
is `iomux.protocols.http`. Cost: a file is opened for each answer, and read in pieces as the client takes them.
"""

import math
import mimetypes
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote

from iomux.servers.protocol import ClientProtocol, Say

PIECE_BYTES = 65536
KNOWN_METHODS = {"POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "OPTIONS"}


class Visitor:
    """What one client has said so far, and the answers to it."""

    def __init__(self, folder: Path) -> None:
        self.over, self.due, self.idle = False, math.inf, True
        self.folder = folder
        self.heard = bytearray()

    def feed(self, data: bytes, now: float) -> Iterator[bytes]:
        """Take the bytes that arrived; return the answers to all requests that are complete, each made when taken."""
        self.heard += data
        return self.answers()

    def late(self, now: float) -> bytes:
        """Nothing is ever due."""
        return b""

    def gone(self) -> None:
        """Nothing is left to do."""

    def answers(self) -> Iterator[bytes]:
        """The answers, in pieces."""
        while not self.over and (head := self.take_head()) is not None:
            try:
                request = parse(head)
            except ValueError:
                self.over = True  # who knows where the next one begins?
                yield message("400 Bad Request", closes=True)
            else:
                yield from self.answer(*request)

    def take_head(self) -> str | None:
        """Take one head out of what was heard, and empty lines in front of it; None if it is not complete."""
        while self.heard.startswith(b"\r\n"):
            del self.heard[:2]
        end = self.heard.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self.heard[:end].decode("latin-1")
        del self.heard[: end + 4]
        return head

    def answer(self, method: str, target: str, version: str, fields: dict[str, str]) -> Iterator[bytes]:
        """The answer to one request."""
        said = {option.strip() for option in fields.get("connection", "").lower().split(",")}
        bodied = {"content-length", "transfer-encoding"} & fields.keys()
        self.over = bool(bodied) or "close" in said or version == "HTTP/1.0"
        if bodied:
            yield message("413 Content Too Large", closes=True)
        elif method in ("GET", "HEAD"):
            yield from self.file(target, method == "GET")
        elif method in KNOWN_METHODS:
            yield message("405 Method Not Allowed", "Allow: GET, HEAD", closes=self.over)
        else:
            yield message("501 Not Implemented", closes=self.over)

    def file(self, target: str, whole: bool) -> Iterator[bytes]:
        """The head of a file, and in pieces the file itself if it is asked for as a whole."""
        path = within(self.folder, target)
        if path is None:
            yield message("404 Not Found", closes=self.over, body=whole)
            return
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        with path.open("rb") as file:
            yield head("200 OK", path.stat().st_size, f"Content-Type: {kind}", closes=self.over)
            while whole and (piece := file.read(PIECE_BYTES)):
                yield piece


def parse(head: str) -> tuple[str, str, str, dict[str, str]]:
    """Method, target, version and fields of a head. Raises ValueError if it has another form."""
    line, *lines = head.split("\r\n")
    method, target, version = line.split(" ")
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise ValueError(f"{version} is another protocol")
    fields: dict[str, str] = {}
    for each in lines:
        name, colon, value = each.partition(":")
        if not colon or not name or name != name.strip():
            raise ValueError(f"{each!r} is no field")
        fields[name.lower()] = value.strip(" \t")
    if version == "HTTP/1.1" and "host" not in fields:
        raise ValueError("no Host")
    return method, target, version, fields


def within(folder: Path, target: str) -> Path | None:
    """The file that a target names; None if there is none, or if it is not in the folder."""
    if "://" in target:  # the absolute form: scheme, host, path (RFC 9112, section 3.2.2)
        target = "/" + target.partition("://")[2].partition("/")[2]
    name = unquote(target.partition("?")[0], errors="surrogateescape").lstrip("/") or "index.html"
    if "\0" in name:
        return None
    path = (folder / name).resolve()
    try:
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except OSError:  # a name that is too long is none
        return None


def head(status: str, length: int, *fields: str, closes: bool = False) -> bytes:
    """A head with the fields that every answer has."""
    ends = ["Connection: close"] if closes else []
    lines = [f"HTTP/1.1 {status}", f"Date: {formatdate(usegmt=True)}", f"Content-Length: {length}", *fields, *ends]
    return "\r\n".join([*lines, "", ""]).encode()


def message(status: str, *fields: str, closes: bool = False, body: bool = True) -> bytes:
    """A short answer that says its own status."""
    text = f"{status}\n".encode()
    return head(status, len(text), "Content-Type: text/plain", *fields, closes=closes) + (text if body else b"")


class Site:
    """Makes an object for each client; what all of them share is the folder."""

    due = math.inf

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, now: float, say: Say) -> ClientProtocol:
        """The object of a new client."""
        return Visitor(self.folder)

    def late(self, now: float) -> None:
        """Nothing is ever due."""


def site(folder: str) -> Site:
    """A factory for the files of a folder, as `iomux.protocols.http.site` makes one."""
    return Site(Path(folder))
