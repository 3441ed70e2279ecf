"""A small store that is right: a thread for each client, one lock for all commands; these are in `store_commands`.

`tests.students.wrong_stores` makes wrong ones of it, each by replacing one piece of the two files.
"""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

Words = list[bytes]
VALUES: dict[bytes, bytes] = {}
ENDS: dict[bytes, float] = {}
CHANNELS: dict[bytes, list["Client"]] = {}
COMMANDS: dict[bytes, tuple[int, int, Callable[["Client", Words], bytes]]] = {}
"""How many words a command has, its name included, and what carries it out."""
LOCK = threading.RLock()
MOST_WORDS, MOST_BYTES, MOST_LINE = 1 << 20, 512 << 20, 64 << 10
OK, NUMBER = b"+OK\r\n", re.compile(rb"0|-?[1-9][0-9]*")
WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"(?=\s|$)|\'((?:[^\'\\]|\\.)*)\'(?=\s|$)|([^\s"\']+)(?=\s|$)')
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)


class Refused(Exception):
    """A command that is answered by an error."""


class Broken(Exception):
    """No command: an error, then the end."""


class Client:
    """A connection: what has come of it and is not used yet."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket, self.came, self.version, self.channels = connected, bytearray(), 2, list[bytes]()

    def more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.came += data

    def line(self) -> bytes:
        while (end := self.came.find(b"\n")) < 0:
            if len(self.came) > MOST_LINE:
                raise Broken("too big inline request")
            self.more()
        return self.exactly(end + 1).rstrip(b"\r\n")

    def exactly(self, size: int) -> bytes:
        while len(self.came) < size:
            self.more()
        data = bytes(memoryview(self.came)[:size])
        del self.came[:size]
        return data

    def nil(self) -> bytes:
        return b"_\r\n" if self.version == 3 else b"$-1\r\n"

    def value(self, data: bytes | None) -> bytes:
        return self.nil() if data is None else bulk(data)


def serve(listener: socket.socket, handler: Any = None) -> None:
    threading.Thread(target=sweep, daemon=True).start()
    while True:
        with contextlib.suppress(ConnectionError):
            connected, _ = listener.accept()
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=converse, args=(Client(connected),), daemon=True).start()


def sweep() -> None:
    while True:
        time.sleep(0.05)
        with LOCK:
            for key in [key for key, end in ENDS.items() if end <= time.monotonic()]:
                forget(key)


def converse(client: Client) -> None:
    with client.socket, contextlib.suppress(EOFError, OSError):
        try:
            while words := command(client) or [b""]:
                client.socket.sendall(answer(client, words))
                if words[0].upper() == b"QUIT":
                    break
        except Broken as broken:
            client.socket.sendall(f"-ERR Protocol error: {broken}\r\n".encode())
        finally:
            with LOCK:
                for channel in client.channels:
                    CHANNELS[channel].remove(client)


def command(client: Client) -> Words:
    line = client.line()
    if line[:1] != b"*":
        return split(line)
    words = Words()
    for _ in range(number(line[1:], MOST_WORDS, "multibulk length")):
        head = client.line()
        if head[:1] != b"$":
            raise Broken("expected '$'")
        size = number(head[1:], MOST_BYTES, "bulk length")
        if size < 0:
            raise Broken("invalid bulk length")
        words.append(client.exactly(size + 2)[:-2])
    return words


def number(text: bytes, most: int, what: str) -> int:
    if not NUMBER.fullmatch(text) or int(text) > most:
        raise Broken(f"invalid {what}")
    return int(text)


def split(line: bytes) -> Words:
    words, rest = Words(), line.strip()
    while rest:
        if not (found := WORD.match(rest)):
            raise Broken("unbalanced quotes in request")
        double, single, plain = found.groups()
        words.append(ESCAPE.sub(unescape, double) if double is not None else plain or single.replace(rb"\'", b"'"))
        rest = rest[found.end() :].lstrip()
    return words


def unescape(found: re.Match[bytes]) -> bytes:
    letter = found[1]
    if len(letter) == 3:
        return bytes([int(letter[1:], 16)])
    return {b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(letter, letter)


def answer(client: Client, words: Words) -> bytes:
    name = words[0].upper()
    if not name:
        return b""
    if name not in COMMANDS:
        return b"-ERR unknown command\r\n"
    least, most, function = COMMANDS[name]
    if not least <= len(words) <= most:
        return b"-ERR wrong number of arguments\r\n"
    if client.channels and name not in (b"SUBSCRIBE", b"UNSUBSCRIBE", b"PING", b"QUIT"):
        return b"-ERR not while subscribed\r\n"
    try:
        with LOCK:
            return function(client, words)
    except Refused as refused:
        return f"-ERR {refused}\r\n".encode()


def bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)


def array(*replies: bytes) -> bytes:
    return b"*%d\r\n%b" % (len(replies), b"".join(replies))


def forget(key: bytes) -> bool:
    ENDS.pop(key, None)
    return VALUES.pop(key, None) is not None


def get(key: bytes) -> bytes | None:
    if ENDS.get(key, time.monotonic() + 1) <= time.monotonic():
        forget(key)
    return VALUES.get(key)


def integer(text: bytes) -> int:
    if not NUMBER.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
        raise Refused("value is not an integer or out of range")
    return int(text)
