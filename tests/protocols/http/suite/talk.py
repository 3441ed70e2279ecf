"""One conversation of a case: send it, read the answers as their framing says, and then the probe.

Nothing is decided by a clock, except that a server that says nothing for `patience` seconds is taken to wait.
"""

import contextlib
import re
import socket
from dataclasses import dataclass, field
from typing import BinaryIO

from tests.protocols.http.suite.case import PROBE, Case

Address = tuple[str, int]
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d+)")
_CHUNKED = re.compile(rb"(?im)^transfer-encoding:[ \t]*chunked")
_MOST_ANSWERS = 30


@dataclass
class Heard:
    """What a server said: the outcome, and its first final answer."""

    statuses: list[str] = field(default_factory=list)
    waited: bool = False
    head: bytes = b""
    body: bytes = b""
    broken: str = ""
    """What is wrong with the answers themselves."""

    @property
    def outcome(self) -> str:
        """As the cases write it."""
        return "~" * self.waited + " ".join(self.statuses) + self.broken


def converse(address: Address, case: Case, patience: float) -> Heard:
    """Send the case to the server at `address`; return what it said. Raises ConnectionRefusedError."""
    heard = Heard()
    with socket.create_connection(address, timeout=patience) as sock, sock.makefile("rb") as stream:
        _send(sock, case.sent)
        if case.ends:
            _end(sock)
        try:
            if _read_final(stream, heard, case.sent.startswith(b"HEAD ")) and not case.ends:
                _send(sock, PROBE)
            while len(heard.statuses) < _MOST_ANSWERS and _read(stream, heard, False):
                pass
        except TimeoutError:
            _after_silence(sock, heard)
        except OSError:  # a reset: what came before it counts
            pass
    return heard


def _after_silence(sock: socket.socket, heard: Heard) -> None:
    heard.waited = True
    _end(sock)
    sock.settimeout(1.0)
    with contextlib.suppress(OSError):
        rest = sock.recv(65536)
        found = re.match(rb"HTTP/1\.\d (\d{3})", rest)
        heard.statuses += [found[1].decode()] if found else []


def _send(sock: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # it may have refused and left already
        sock.sendall(data)


def _end(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)


def _read_final(stream: BinaryIO, heard: Heard, is_head: bool) -> bool:
    """Read up to the first final answer; return whether there is one."""
    while _read(stream, heard, is_head):
        if not heard.statuses[-1].startswith("1"):
            return True
    return False


def _read(stream: BinaryIO, heard: Heard, is_head: bool) -> bool:
    """Read one answer; return whether there was one."""
    line = stream.readline()
    if not line:
        return False
    found = re.fullmatch(rb"HTTP/1\.[01] (\d{3})(?: .*)?\r\n", line)
    if not found:
        heard.broken = f" and {line[:20]!r}"
        return False
    head = line
    while (line := stream.readline()) not in (b"\r\n", b""):
        head += line
    body = b"" if is_head or found[1][:1] == b"1" or found[1] in (b"204", b"304") else _read_body(stream, head)
    heard.statuses.append(found[1].decode())
    if not heard.head and found[1][:1] != b"1":
        heard.head, heard.body = head, body
    return True


def _read_body(stream: BinaryIO, head: bytes) -> bytes:
    length = _LENGTH.search(head)
    if not _CHUNKED.search(head):
        return stream.read(int(length[1])) if length else stream.read()
    body = b""
    while size := int(stream.readline().partition(b";")[0] or b"0", 16):
        body += stream.read(size)
        stream.readline()
    while stream.readline() not in (b"\r\n", b""):
        pass
    return body
