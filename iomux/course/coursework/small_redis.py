"""A solution of the first assignment of notebook 15: `serve` passes stages A and B.

The page's object, with commands that are typed by hand; the commands and their keys are in `small_redis_keys`. Cost: a
command of many words that comes in pieces is read anew with each piece (exercise 2 of the notebook).
"""

import math
import socket
from collections.abc import Iterator
from typing import NoReturn

from iomux.course.coursework.small_redis_keys import COMMANDS, Keys, Value
from iomux.servers import poll_
from iomux.servers.protocol import ClientProtocol, Say, Speaks


class Incomplete(Exception):
    """There is no more yet."""


class Client:
    """What one client has said so far, and the replies to it."""

    def __init__(self, store: "Store") -> None:
        self.over, self.due, self.idle = False, math.inf, True
        self.store, self.heard = store, bytearray()

    def feed(self, data: bytes, now: float) -> Iterator[bytes]:
        """Take the bytes that arrived; return the replies to all commands that are complete, each made when taken."""
        self.heard += data
        return self.replies(now)

    def late(self, now: float) -> bytes:
        """Nothing is ever due."""
        return b""

    def gone(self) -> None:
        """Nothing is left to do."""

    def replies(self, now: float) -> Iterator[bytes]:
        """The replies, one by one."""
        while self.heard and not self.over:
            try:
                words = take_command(self.heard)
            except Incomplete:
                return
            except ValueError as error:
                self.over = True  # who knows where the next one begins?
                yield f"-ERR Protocol error: {error}\r\n".encode()
            else:
                if words:
                    yield reply(self.execute(now, *words))

    def execute(self, now: float, name: bytes, *words: bytes) -> Value | Exception:
        """What a command returns, or what is wrong with it."""
        shown = name.decode("latin-1")
        if name.upper() not in COMMANDS:
            return ValueError(f"unknown command {shown!r}")
        command, least, most = COMMANDS[name.upper()]
        if not least <= len(words) <= most:
            return ValueError(f"wrong number of arguments for '{shown.lower()}' command")
        try:
            return command(self.store.keys, now, *words)
        except ValueError as error:
            return error
        finally:
            self.store.due = self.store.keys.first_moment()


def take_command(heard: bytearray) -> list[bytes]:
    """Take one command: an array, or a line of words. Raises Incomplete, or ValueError if it makes no sense."""
    if heard[:1] != b"*":
        end = heard.find(b"\n")
        if end < 0:
            raise Incomplete
        line = bytes(heard[:end])
        del heard[: end + 1]
        return line.split()
    words, (count, at) = list[bytes](), number(heard, 0, b"*")
    for _ in range(count):
        size, start = number(heard, at, b"$")
        at = start + size + 2
        if len(heard) < at:
            raise Incomplete
        words.append(bytes(heard[start : at - 2]))
    del heard[:at]
    return words


def number(heard: bytearray, at: int, sign: bytes) -> tuple[int, int]:
    """The number of a line that begins with this sign, and where the next line begins."""
    if at < len(heard) and heard[at : at + 1] != sign:
        raise ValueError(f"expected '{sign.decode()}', got '{chr(heard[at])}'")
    end = heard.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    return int(heard[at + 1 : end]), end + 2


def reply(value: Value | Exception) -> bytes:
    """A reply on the wire."""
    if value is None:
        return b"$-1\r\n"
    if isinstance(value, bytes):
        return b"$%d\r\n%s\r\n" % (len(value), value)
    sign = "-ERR " if isinstance(value, Exception) else ":" if isinstance(value, int) else "+"
    return f"{sign}{value}\r\n".encode()


class Store:
    """The factory of the clients' objects; what all of them share are the keys."""

    def __init__(self) -> None:
        self.keys = Keys()
        self.due = math.inf
        """The moment at which a key ends, though nobody asks."""

    def __call__(self, now: float, say: Say) -> ClientProtocol:
        """The object of a new client."""
        return Client(self)

    def late(self, now: float) -> None:
        """Forget what is over."""
        self.keys.forget(now)
        self.due = self.keys.first_moment()


def serve(listener: socket.socket) -> NoReturn:
    """Serve a store from one thread that sleeps in poll(2). Never returns."""
    poll_.serve(listener, Speaks(Store()))
