"""How one member speaks and others listen: what is said is compared with what is heard, as it comes.

Nothing here has a deadline for a whole transfer. A conversation fails only if nothing moves for `PATIENCE` seconds, so
a slow room and a slow machine take longer, and that is all. A speaker is at most `AHEAD_BYTES` ahead of the slowest
listener: a room that lets go of a member that is owed a mebibyte has no reason to let go of one that listens.
"""

import random
import socket
import string
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from iomux.conformance.trial.patience import out_of_patience, ready
from iomux.conformance.trial.subject import Fault

AHEAD_BYTES = 512 * 1024
"""How many bytes may be under way to a member that listens."""
LITTLE_AHEAD_BYTES = 64 * 1024
"""The same where another member is slow: what the room keeps for one who listens is not the question there."""
LINE_BYTES = 1024
"""No line is longer: a room that passes on whole lines may limit them."""
_CHUNK_BYTES = 64 * 1024
_MOST_AT_ONCE = 1 << 20
_LOOK_SECONDS = 0.25
_WRONG = -1

OTHER = "heard other bytes than were said: some were lost, doubled, or out of order"
STALLED = "did not hear all that was said: nothing more came"
ENDED = "was disconnected in the midst of it"

TOO_SOON = (
    "It was let go before more than 1 MiB was owed to it. How much is your limit, in bytes and not in messages, and "
    "what do you compare it with?"
)
"""The hint for a room that disconnects one who listens, or reads late."""

Take = Callable[[socket.socket, bytes], int]
"""Called with what a listener heard: how many of these bytes it was to hear, or less than 0 if they are wrong."""


def say(speaker: socket.socket, listeners: Sequence[socket.socket], data: bytes, ahead: int = AHEAD_BYTES) -> str:
    """Let one member say all of `data`; return how that failed, in words about a member, or nothing if all heard it."""
    _, failed = converse({speaker: data}, listeners, exactly(data), len(data), ahead)
    return next(iter(failed.values()), "")


def hear(listener: socket.socket, data: bytes) -> str:
    """Listen to what was said before; return how that failed, or nothing if it was all of `data`."""
    return converse({}, [listener], exactly(data), len(data))[1].get(listener, "")


def must_hear(
    speaker: socket.socket,
    listeners: Sequence[socket.socket],
    data: bytes,
    who: str = "a member",
    ahead: int = AHEAD_BYTES,
) -> None:
    """Raise Fault unless all listeners hear all of `data`; who: what a listener is called in its words."""
    if how := say(speaker, listeners, data, ahead):
        raise Fault(f"{who} {how}", TOO_SOON if how == ENDED else "", bytes_said=len(data))


def converse(
    said: Mapping[socket.socket, bytes],
    listeners: Sequence[socket.socket],
    take: Take,
    wanted: int,
    ahead: int = AHEAD_BYTES,
) -> tuple[dict[socket.socket, int], dict[socket.socket, str]]:
    """Let several members speak at once, until each listener has heard `wanted` bytes as `take` counts them.

    ahead: how many bytes may be under way to the slowest listener. Returns how many each has heard, and for whom it
    failed, and how. What a speaker hears is read and discarded: else it would be one that falls behind.
    """
    rest = {speaker: memoryview(data) for speaker, data in said.items()}
    heard, failed, moved = dict.fromkeys(listeners, 0), dict[socket.socket, str](), time.monotonic()
    while waiting := [member for member in listeners if heard[member] < wanted and member not in failed]:
        under_way = sum(map(len, said.values())) - sum(map(len, rest.values())) - min(heard[each] for each in waiting)
        speaking = [speaker for speaker, left in rest.items() if left and under_way < ahead]
        readable, writable = ready([*waiting, *rest], speaking, _LOOK_SECONDS)
        if readable or writable:
            moved = time.monotonic()
        elif out_of_patience(moved):
            return heard, failed | dict.fromkeys(waiting, STALLED)
        for speaker in writable:
            rest[speaker] = rest[speaker][_send(speaker, rest[speaker][: min(_CHUNK_BYTES, ahead)]) :]
        for member in readable:
            _listen(member, wanted, take, heard, failed)
        if any(speaker in failed for speaker in rest):
            break
    return heard, failed


def _send(speaker: socket.socket, data: memoryview) -> int:
    try:
        return speaker.send(data)
    except ConnectionError:
        return 0  # it is readable, too: `_listen` finds out why


def _listen(
    member: socket.socket, wanted: int, take: Take, heard: dict[socket.socket, int], failed: dict[socket.socket, str]
) -> None:
    """Read what a listener hears, and no more than it is to hear: what follows belongs to what is said next."""
    try:
        data = member.recv(min(_MOST_AT_ONCE, wanted - heard.get(member, 0)))
    except ConnectionError:
        data = b""
    if not data:
        failed[member] = ENDED
    elif member in heard:
        if (count := take(member, data)) < 0:
            failed[member] = OTHER
        heard[member] += max(count, 0)


def exactly(data: bytes) -> Take:
    """Count what is heard if it is `data`, from its first byte on."""
    places: defaultdict[socket.socket, int] = defaultdict(int)

    def take(listener: socket.socket, heard: bytes) -> int:
        place = places[listener]
        places[listener] += len(heard)
        return len(heard) if data.startswith(heard, place) else _WRONG

    return take


def merged(streams: Mapping[str, bytes]) -> Take:
    """Count what is heard if it merges these streams, each of which consists of the letters that it is named by."""
    takes = {letters: exactly(only(data, letters)) for letters, data in streams.items()}

    def take(listener: socket.socket, heard: bytes) -> int:
        counts = [of_one(listener, only(heard, letters)) for letters, of_one in takes.items()]
        return _WRONG if _WRONG in counts else sum(counts)

    return take


def only(data: bytes, letters: str) -> bytes:
    """The bytes of `data` that are among these letters."""
    return data.translate(None, bytes(set(range(256)) - set(letters.encode())))


def words(size: int) -> bytes:
    """Random letters without an end of line, in which no two parts are alike; the same in every run."""
    return "".join(random.Random(7).choices(string.ascii_letters, k=size)).encode()


def lines(size: int, letters: str = string.ascii_letters) -> bytes:
    """Random letters in short lines, the last byte being the end of a line: a room may pass on whole lines only."""
    text = bytearray("".join(random.Random(7).choices(letters, k=size)).encode())
    text[63::64] = b"\n" * len(text[63::64])
    text[-1:] = b"\n"
    return bytes(text)


def text(size: int, first: int = 0) -> bytes:
    """Much to say, quickly made: lines of a kibibyte, rounded to whole ones and numbered from `first` on."""
    tail = words(LINE_BYTES - 10)
    return b"".join(b"%09d%s\n" % (first + number, tail) for number in range(size // LINE_BYTES))
