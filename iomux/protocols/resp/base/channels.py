"""Channels: who listens to what. A message goes to every client that listens at that moment, and is kept nowhere.

Source: redis.io, "Pub/Sub".
"""

import re
from collections.abc import Callable

from iomux.protocols.resp.base.patterns import pattern

Hear = Callable[[bytes, bytes, bytes | None], None]
"""Told of the channel, the message, and the pattern by which it was found."""


class Channels:
    """The listeners of all channels and patterns.

    Example:
    >>> from iomux.protocols.resp.base.channels import Channels
    >>> channels = Channels()
    >>> channels.listen(channels.patterns, b"new*", lambda channel, message, pattern: print(channel, message))
    >>> channels.publish(b"news", b"hello")
    b'news' b'hello'
    1
    """

    def __init__(self) -> None:
        self.names: dict[bytes, dict[Hear, None]] = {}
        self.patterns: dict[bytes, dict[Hear, None]] = {}
        self._expressions: dict[bytes, re.Pattern[bytes]] = {}

    def listen(self, kind: dict[bytes, dict[Hear, None]], name: bytes, hear: Hear) -> None:
        """Call `hear` for each message on a channel (kind: `names`), or on those of a pattern (`patterns`)."""
        if kind is self.patterns:
            self._expressions[name] = pattern(name)
        kind.setdefault(name, {})[hear] = None

    def leave(self, kind: dict[bytes, dict[Hear, None]], name: bytes, hear: Hear) -> None:
        """Call it no more."""
        listeners = kind.get(name, {})
        listeners.pop(hear, None)
        if not listeners:
            kind.pop(name, None)
            if kind is self.patterns:
                self._expressions.pop(name, None)

    def publish(self, channel: bytes, message: bytes) -> int:
        """Tell all who listen; return how many were told."""
        told = 0
        for hear in list(self.names.get(channel, ())):
            hear(channel, message, None)
            told += 1
        for glob, listeners in list(self.patterns.items()):
            if self._expressions[glob].match(channel):
                for hear in list(listeners):
                    hear(channel, message, glob)
                    told += 1
        return told
