"""A client: its commands are done one after the other, and the replies are given in pieces.

A read of 64 KiB may hold ten thousand commands, and a command of thirty bytes may ask for a megabyte. So commands are
done until there is a piece of replies, by count or by bytes. If that is all, it is the answer; else an iterator does
the rest, piece by piece, as the carrier takes them. A reply that is an iterator itself is passed on.

Cost: with one command in a read some two microseconds, with many some one each, beside what the command does.
"""

from collections.abc import Iterator

from iomux.protocols.resp.base.refused import Refused
from iomux.protocols.resp.base.replies import PIECE_BYTES, error
from iomux.protocols.resp.base.session import Arguments, Leaving, Session
from iomux.protocols.resp.inline import ProtocolError
from iomux.protocols.resp.reading import Reader
from iomux.protocols.resp.table import TABLE, otherwise
from iomux.servers.protocol import NEVER, Replies

PIECE_COMMANDS = 64
"""The most commands that are done for one piece of replies."""


class Client:
    """A protocol object that speaks RESP: see iomux.servers.protocol.ClientProtocol."""

    __slots__ = ("_commands", "_reader", "_session", "due", "idle", "over")

    def __init__(self, session: Session) -> None:
        self.over, self.due, self.idle = False, NEVER, True
        self._session, self._reader = session, Reader()

    def feed(self, data: bytes, now: float) -> Replies:
        """Do the commands that are complete with this."""
        session = self._session
        session.data.now = now
        words = self._reader.single(data)
        found = TABLE.get(words[0]) if words else None
        if words is None or found is None or not session.plain or not found[1] <= len(words) <= found[2]:
            return self._several(self._reader.commands(data))
        session.data.commands += 1
        try:
            reply = found[0](session, words)
        except Refused as refused:
            reply = error(refused.text)
        except Leaving as leaving:
            self.over = True
            reply = leaving.reply
        self.idle = not session.engaged
        return reply

    def late(self, now: float) -> Replies:
        """Nothing is ever due: a client may be silent for ever."""
        return b""

    def gone(self) -> None:
        """Forget what the client has listened to and watched."""
        self._session.leave()

    def _several(self, commands: Iterator[Arguments]) -> Replies:
        piece, more = self._some(commands)
        return piece if more is None else self._rest(piece, more, commands)

    def _rest(self, piece: bytes, more: Iterator[bytes] | None, commands: Iterator[Arguments]) -> Iterator[bytes]:
        while more is not None:
            yield piece
            yield from more
            piece, more = self._some(commands)
        yield piece

    def _some(self, commands: Iterator[Arguments]) -> tuple[bytes, Iterator[bytes] | None]:
        """A piece of replies, and what comes behind it: None if that was all."""
        done: list[bytes] = []
        more: Iterator[bytes] | None = None
        try:
            more = self._do(commands, done)
        except ProtocolError as wrong:
            self.over = True
            if wrong.text:
                done.append(error(b"ERR Protocol error: " + wrong.text))
        except Leaving as leaving:
            self.over = True
            done.append(leaving.reply)
        self._session.data.commands += len(done)
        self.idle = self._reader.between and not self._session.engaged
        return (done[0] if len(done) == 1 else b"".join(done)), more

    def _do(self, commands: Iterator[Arguments], done: list[bytes]) -> Iterator[bytes] | None:
        """Do commands until there is a piece of replies; return what comes behind it."""
        session, size = self._session, 0
        for arguments in commands:
            found = TABLE.get(arguments[0])
            try:
                if found is not None and session.plain and found[1] <= len(arguments) <= found[2]:
                    reply = found[0](session, arguments)
                else:
                    reply = otherwise(session, arguments)
            except Refused as refused:
                reply = error(refused.text)
            if not isinstance(reply, bytes):
                return reply
            done.append(reply)
            size += len(reply)
            if size > PIECE_BYTES or len(done) > PIECE_COMMANDS:
                return iter(())
        return None
