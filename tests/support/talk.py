"""A small protocol for tests of the servers that carry protocols: a line is a request, the first word says which.

n                   the number of this request among all clients', in the order in which they were answered
many COUNT SIZE     COUNT pieces of SIZE bytes, each made when it is taken
bye, fail           a last word, and it is over; an exception
part SIZE           SIZE bytes, and it is over at once
wait SECONDS        after so long without a word "late", and it is over
join, tell SIZE     from now on hear what is told; tell all who have joined SIZE bytes, answered by "told"
tick SECONDS        after so long "tick", though nobody has asked
seen                what the factory has seen: `Seen`, as JSON
"""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from iomux.servers.protocol import AT_ONCE, Replies, Say


@dataclass
class Seen:
    """What has happened to all clients so far."""

    made: int = 0
    gone: int = 0
    gone_again: int = 0
    open: int = 0
    """Replies that are neither used up nor closed."""
    taken: int = 0
    """Pieces of such replies."""
    answered: int = 0
    joined: int = 0


class Talk:
    """The factory."""

    def __init__(self) -> None:
        self.due, self.seen = math.inf, Seen()
        self.members: list[Talker] = []
        self.ticked: list[Talker] = []

    def __call__(self, now: float, say: Say) -> "Talker":
        self.seen.made += 1
        return Talker(self, say)

    def late(self, now: float) -> None:
        self.due = math.inf
        for talker in self.ticked:
            talker.say(b"tick\n")
        self.ticked.clear()


class Talker:
    """One client."""

    def __init__(self, talk: Talk, say: Say) -> None:
        self.talk, self.say = talk, say
        self.over, self.due, self.left = 0, math.inf, False
        self.rest = b"nothing yet"

    @property
    def idle(self) -> bool:
        """Whether all that has come was answered; a newcomer is not idle."""
        return not self.rest

    def feed(self, data: bytes, now: float) -> Replies:
        if not data:
            return b"end\n"
        *lines, self.rest = (self.rest.removeprefix(b"nothing yet") + data).split(b"\n")
        if len(lines) == 1 and not lines[0].startswith(b"many"):
            return b"".join(self.answer(lines[0].split(), now))
        return (piece for line in lines for piece in self.answer(line.split(), now))

    def answer(self, words: list[bytes], now: float) -> Iterator[bytes]:
        if self.over:
            return
        yield from getattr(self, words[0].decode())(now, *map(float, words[1:]))

    def n(self, now: float) -> Iterator[bytes]:
        self.talk.seen.answered += 1
        yield b"%d\n" % self.talk.seen.answered

    def many(self, now: float, count: float, size: float) -> Iterator[bytes]:
        seen = self.talk.seen
        seen.open += 1
        try:
            for _ in range(int(count)):
                seen.taken += 1
                yield bytes(int(size))
        finally:
            seen.open -= 1

    def bye(self, now: float) -> Iterator[bytes]:
        self.over = True
        yield b"bye\n"

    def part(self, now: float, size: float) -> Iterator[bytes]:
        self.over = AT_ONCE
        yield bytes(int(size))

    def fail(self, now: float) -> Iterator[bytes]:
        raise RuntimeError("as asked")

    def wait(self, now: float, seconds: float) -> Iterator[bytes]:
        self.due = now + seconds
        yield b"waiting\n"

    def join(self, now: float) -> Iterator[bytes]:
        self.talk.members.append(self)
        yield b"joined\n"

    def tell(self, now: float, size: float) -> Iterator[bytes]:
        for member in self.talk.members:
            member.say(bytes(int(size)))
        yield b"told\n"

    def tick(self, now: float, seconds: float) -> Iterator[bytes]:
        self.talk.ticked.append(self)
        self.talk.due = now + seconds
        yield b"ticking\n"

    def seen(self, now: float) -> Iterator[bytes]:
        self.talk.seen.joined = len(self.talk.members)
        yield json.dumps(asdict(self.talk.seen)).encode() + b"\n"

    def late(self, now: float) -> Replies:
        self.over = True
        return b"late\n"

    def gone(self) -> None:
        self.talk.seen.gone += 1
        self.talk.seen.gone_again += self.left
        self.left = True
        if self in self.talk.members:
            self.talk.members.remove(self)
