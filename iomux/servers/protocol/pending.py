"""What one client is still to get: the replies that are left, each made when it is taken, and what was said to it."""

from collections.abc import Iterator

from iomux.servers.protocol import Limits, Replies
from iomux.servers.protocol.interest import log_error


class Pending:
    """Pieces that are made, the replies that are left, and behind them what was said meanwhile: sent in this order."""

    __slots__ = ("_pieces", "_replies", "_said", "_said_size", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._replies: Iterator[bytes] | None = None
        self._said: list[bytes] = []
        self._said_size = 0
        self.size = 0
        """The bytes that are made and wait to be sent."""

    @property
    def replies_left(self) -> bool:
        """Whether the iterator of replies is not used up."""
        return self._replies is not None

    def put(self, piece: bytes) -> None:
        """Add a piece behind those that are made."""
        if piece:
            self._pieces.append(piece)
            self.size += len(piece)

    def add(self, replies: Replies) -> None:
        """Add replies, in one piece or each made when it is taken. Raises TypeError for what is neither."""
        if isinstance(replies, bytes):
            self.put(replies)
        else:
            self._replies = iter(replies)

    def say(self, data: bytes, most: int) -> bool:
        """Add bytes behind everything, also replies that are left; return False if more than `most` wait already."""
        if self.size + self._said_size > most:
            return False
        if self._replies is None:
            self.put(data)
        else:
            self._said.append(data)
            self._said_size += len(data)
        return True

    def take(self, limits: Limits) -> bytes:
        """Take what is made, and of the replies what one turn has. Raises what the replies raise."""
        if self._replies is not None:
            self._make(self._replies, limits)
        piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces, self.size = [], 0
        return piece

    def _make(self, replies: Iterator[bytes], limits: Limits) -> None:
        for _ in range(limits.turn_replies):
            if self.size >= limits.turn_bytes:
                return
            piece = next(replies, None)
            if piece is None:
                self._end_of_replies()
                return
            self.put(piece if type(piece) is bytes else bytes(memoryview(piece)))  # a TypeError for what is no bytes

    def _end_of_replies(self) -> None:
        self._replies = None
        for piece in self._said:
            self.put(piece)
        self._said, self._said_size = [], 0

    def close(self) -> None:
        """Close the iterator of replies, which may hold a file open; errors are logged."""
        if self._replies is None:
            return
        close = getattr(self._replies, "close", None)
        self._replies = None
        try:
            if close is not None:
                close()
        except Exception:
            log_error()
