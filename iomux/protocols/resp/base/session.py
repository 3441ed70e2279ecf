"""What a command sees of the client that sent it: its database, its version of the protocol, what it listens to."""

from collections.abc import Callable
from typing import TypeAlias

from iomux.protocols.resp.base.data import Data
from iomux.protocols.resp.base.replies import NIL, NO_ARRAY, Reply, array, bulk

Arguments: TypeAlias = list[bytes]
Handler: TypeAlias = Callable[["Session", Arguments], Reply]
"""Does a command, whose name is the first argument, and gives the reply; raises Refused, or Leaving."""
Commands: TypeAlias = dict[bytes, tuple[Handler, int]]
"""Commands by their names, each with its number of arguments, the name included; -n: n or more."""


class Leaving(Exception):
    """The client is let go behind this last reply."""

    def __init__(self, reply: bytes) -> None:
        super().__init__(reply)
        self.reply = reply


class Session:
    """A client's state. say: sends it what it has not asked for."""

    def __init__(self, data: Data, say: Callable[[bytes], None]) -> None:
        self.data, self.since, self._say = data, data.now, say
        data.clients += 1
        self.number = data.clients
        data.sessions[self.number] = self
        self.name = b""
        self.channels: dict[bytes, None] = {}
        self.patterns: dict[bytes, None] = {}
        self.watched: dict[tuple[int, bytes], None] = {}
        self._aside: list[bytes] | None = None
        self.reset()

    def reset(self) -> None:
        """Be as a client that has just connected."""
        self.choose(0)
        self.version, self.nil = 2, NIL[2]
        self.queued: list[tuple[Handler, Arguments]] | None = None
        """The commands of a transaction that is open, None if there is none."""
        self.spoilt = self.outrun = False
        """Whether a command of the open transaction was wrong; whether a key that is watched was changed."""
        self.plain, self.engaged = True, False
        """Whether commands are simply done: no transaction is open, and no subscription forbids most of them; and
        whether something would be lost if the client left now: a transaction, a subscription, or what it watches."""

    def choose(self, index: int) -> None:
        """Use that database from now on."""
        self.index, self.db = index, self.data.databases[index]

    def speak(self, version: int) -> None:
        """Use that version of the protocol from now on."""
        self.version, self.nil = version, NIL[version]
        self.settle()

    @property
    def no_array(self) -> bytes:
        """No array."""
        return NO_ARRAY if self.version == 2 else self.nil

    @property
    def listening(self) -> bool:
        """Whether it listens to something in version 2, in which most commands are then forbidden."""
        return self.version == 2 and bool(self.channels or self.patterns)

    def settle(self) -> None:
        """Find out `plain` and `engaged`; call it when they may have changed."""
        self.plain = self.queued is None and not self.listening
        self.engaged = self.queued is not None or bool(self.channels or self.patterns or self.watched)

    def notice(self) -> None:
        """A key that it watches was changed."""
        self.outrun = True

    def unwatch(self) -> None:
        """Watch no key any more."""
        for index, key in self.watched:
            self.data.databases[index].unwatch(key, self.notice)
        self.watched, self.outrun = {}, False
        self.settle()

    def hear(self, channel: bytes, message: bytes, pattern: bytes | None) -> None:
        """Somebody has published a message."""
        said = self.data.said.get((self.version, pattern))
        if said is None:  # the first of those who get the same bytes
            kind = [b"message"] if pattern is None else [b"pmessage", pattern]
            said = self.push([bulk(part) for part in (*kind, channel, message)])
            self.data.said[self.version, pattern] = said
        if self._aside is None:
            self._say(said)
        else:
            self._aside.append(said)

    def push(self, parts: list[Reply]) -> bytes:
        """What it has not asked for, as one piece: a message, or the acknowledgement of a subscription."""
        reply = array(parts, b">" if self.version == 3 else b"*")
        return reply if isinstance(reply, bytes) else b"".join(reply)

    def publish(self, channel: bytes, message: bytes) -> tuple[bytes, int]:
        """Publish a message; return what it hears of that itself, and how many heard it."""
        self._aside = []
        try:
            told = self.data.channels.publish(channel, message)
            return b"".join(self._aside), told
        finally:
            self._aside = None
            self.data.said.clear()

    def silence(self) -> None:
        """Listen to nothing any more."""
        channels = self.data.channels
        for name in self.channels:
            channels.leave(channels.names, name, self.hear)
        for name in self.patterns:
            channels.leave(channels.patterns, name, self.hear)
        self.channels, self.patterns = {}, {}

    def leave(self) -> None:
        """The client is gone."""
        self.unwatch()
        self.silence()
        self.data.sessions.pop(self.number, None)
