"""Items of a chat room about a member that does not read: it harms only itself, and costs little.

Up to a mebibyte it has to be kept, and that is tried first: so a room that waits for it fails one item, and a room that
loses bytes fails another one. Only then more is said.
"""

import socket

from iomux.conformance.chat.room import (
    KEPT_BYTES,
    guests,
    introduce,
    item,
    room_with_a_slow_member,
    say_beside_a_slow_one,
    slow,
)
from iomux.conformance.chat.talk import (
    ENDED,
    LITTLE_AHEAD_BYTES,
    OTHER,
    STALLED,
    TOO_SOON,
    converse,
    exactly,
    hear,
    must_hear,
    say,
    text,
)
from iomux.conformance.trial.clients import MIB
from iomux.conformance.trial.patience import grown_with_all
from iomux.conformance.trial.subject import Fault, NotSeen, Subject

_FAR_BYTES = 16 * MIB
_SURE_OF_ONE_THREAD = 48 * MIB
_BLOCK_BYTES = 16 * MIB
_LAST_LINE = b"and that is all\n"


@item(
    "late-reader",
    points=20,
    rule="a member that reads late gets every byte of the first mebibyte",
    sent="one member sends just under 1 MiB; one reads at once, another only later",
    hint="send takes what fits, and returns how much that was: keep the rest, separately for each member, and send "
    "nothing newer before it.",
    man="send(2) (EAGAIN)",
)
def late_reader(subject: Subject) -> None:
    """Check that the room keeps what it owes."""
    with room_with_a_slow_member(subject) as (speaker, listener, late):
        if how := _reads_late(speaker, listener, late):
            raise Fault(f"a member that read late {how}", hint=TOO_SOON if how == ENDED else "")


def _reads_late(speaker: socket.socket, listener: socket.socket, late: socket.socket) -> str:
    """How a late reader fails to hear all, or nothing. If it hears what is said after the rest, that rest is lost."""
    how = hear(late, say_beside_a_slow_one(speaker, [listener]))
    if how == STALLED and not say(speaker, [listener], _LAST_LINE) and hear(late, _LAST_LINE) != STALLED:
        return OTHER
    return how


@item(
    "slow-reader",
    points=12,
    rule="a member that does not read does not hold up the others",
    sent="one member sends just under 1 MiB; two read at once, the first and the last to join only afterwards",
    hint="Where does your room wait until the slow member takes its bytes? While it waits there, it serves no one; "
    "and if you stop reading from the sender, you stop the sender. Does your loop over the members end at one to whom "
    "not all could be sent?",
    man="send(2), fcntl(2) (O_NONBLOCK)",
)
def slow_reader(subject: Subject) -> None:
    """Test that the others go on: those that a loop over the members reaches after a slow one, in whatever order."""
    with slow(subject) as first, guests(subject, 3) as (speaker, *listeners), slow(subject) as last:
        introduce([speaker, *listeners, first, last])
        said = text(KEPT_BYTES)
        must_hear(speaker, listeners, said, "next to a member that does not read, another one", LITTLE_AHEAD_BYTES)
        for late in (first, last):
            if how := hear(late, said):
                raise Fault(f"one of two members that read late {how}", hint=_ONE_BUDGET if how == ENDED else "")


_ONE_BUDGET = (
    "Each of the two was owed less than 1 MiB, both together were owed more. Is what you keep counted for each member, "
    "or for all of them at once?"
)
_LEFT_OUT = "a slow member got an end without the middle, or a beginning and then neither more nor the end"


@item(
    "falls-behind",
    points=6,
    rule="a member that falls too far behind gets all bytes up to some point, then the end",
    sent="one member sends 16 MiB, and only then another one begins to read",
    hint="Don't leave out bytes from the middle: the reader would take the rest for the whole. Closing the connection "
    "is honest.",
    man="close(2), shutdown(2)",
)
def falls_behind(subject: Subject) -> None:
    """Check that the member gets an unbroken beginning, then the end."""
    with room_with_a_slow_member(subject) as (speaker, listener, late):
        if how := _reads_late(speaker, listener, late):
            raise NotSeen(f"a member that read late {how}: see the item late-reader")
    with room_with_a_slow_member(subject) as (speaker, listener, late):
        said = say_beside_a_slow_one(speaker, [listener])
        said += _say_far_beyond(speaker, listener, _FAR_BYTES)
        heard, failed = converse({}, [late], exactly(said), len(said))
        if (fault := failed.get(late)) in (OTHER, STALLED):  # which of the two: the kernel's buffers decide that
            raise Fault(_LEFT_OUT, bytes_heard=heard[late], how=fault)


def _say_far_beyond(speaker: socket.socket, listener: socket.socket, size: int) -> bytes:
    """Say more than a room has to keep for the slow one. Raises NotSeen if it does not reach the one who listens."""
    said = text(size, first=KEPT_BYTES)
    if how := say(speaker, [listener], said):
        raise NotSeen(f"one member fell more than 1 MiB behind, and another one {how}: see the item let-go")
    return said


@item(
    "memory",
    points=4,
    rule="a member that does not read costs bounded memory",
    sent="one member sends 16 MiB, and up to 384 MiB as long as that costs nearly as much memory; another never reads",
    hint="Either you keep all that is said, or you keep what a member has not taken, and that grows with all that the "
    "others send. How much is enough, and what do you do then?",
    man="send(2), malloc(3)",
)
def memory(subject: Subject) -> None:
    """Bound the slope: a heap that is collected now and then may rise by much, but not with all that is said."""
    with room_with_a_slow_member(subject) as (speaker, listener, _):
        say_beside_a_slow_one(speaker, [listener])

        def say_more(count: int) -> int:
            return len(_say_far_beyond(speaker, listener, min(_BLOCK_BYTES, count)))

        if shares := grown_with_all(subject, say_more, _SURE_OF_ONE_THREAD):
            raise Fault("the room's memory grew with all that was said", shares=shares)
