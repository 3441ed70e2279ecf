"""Items of a chat room about letting go of a member that is owed too much: no other one may notice.

At that moment a member leaves in the middle of a message to all: the list of members changes while it is walked, and
events that were reported for the one who left are still to be handled. Whether that does harm depends on who joined
before whom, so each order is tried, and the room is held still (SIGSTOP) until all who speak have spoken.
"""

import contextlib
import socket
import string

from iomux.conformance.chat.room import (
    KEPT_BYTES,
    held,
    introduce,
    item,
    meet,
    say_beside_a_slow_one,
    say_while_held,
    slow,
)
from iomux.conformance.chat.talk import converse, lines, only, say, text
from iomux.conformance.trial.clients import MIB, connect
from iomux.conformance.trial.subject import Fault, NotSeen, Subject

_MEMBERS = 5
FAR_BEHIND = "one member fell more than 1 MiB behind"
_FAR_BYTES = 6 * MIB
_ROUNDS = 64
_EACH_SAYS = 48 * 1024  # a room reads it in one piece, or all read the same number of pieces


@item(
    "let-go",
    points=6,
    rule="when a slow member is let go, no other one misses a byte",
    sent="of five members one reads nothing: the first to join, one in the middle, the last; another one sends 7 MiB",
    hint="Do you remove a member from the list of members while you walk through it? Then the next one is passed over, "
    "or the loop ends. And what you do with a member that is owed too much must not wait, nor fail.",
    man="close(2), send(2); Python: for (a list that is changed meanwhile)",
)
def let_go(subject: Subject) -> None:
    """Test each place in the list of members; the one who speaks is not the slow one's neighbour."""
    for place, which, speaks in ((0, "first", -1), (_MEMBERS // 2, "in the middle", -1), (_MEMBERS - 1, "last", 0)):
        with contextlib.ExitStack() as stack:
            members = [
                stack.enter_context(slow(subject) if number == place else connect(subject))
                for number in range(_MEMBERS)
            ]
            speaker, late = members[speaks], members[place]
            listeners = [member for member in members if member not in (late, speaker)]
            introduce([speaker, *listeners, late])
            say_beside_a_slow_one(speaker, listeners)
            if how := say(speaker, listeners, text(_FAR_BYTES, first=KEPT_BYTES)):
                raise Fault(f"a slow member that joined {which} was owed more than 1 MiB, and another one {how}")


@item(
    "deaf-speaker",
    points=5,
    rule="members that speak and never read harm only themselves",
    sent="two of four members never read; they and a third one send 48 KiB each while the room is held still "
    "(SIGSTOP), again and again until those two are let go, or owed 6 MiB",
    hint="A member that is let go has perhaps just spoken: an event of it is still in the list that you are working "
    "on. Do you use its socket, or what you kept for it, after you have closed it? Its number may be a new one's.",
    man="poll(2), close(2)",
)
def deaf_speaker(subject: Subject) -> None:
    """Let two members fall behind while they speak: one joined before the one who goes on speaking, one after."""
    nobody_notices_a_silent_one(subject)
    with (
        slow(subject) as before,
        connect(subject) as speaker,
        connect(subject) as listener,
        slow(subject) as after,
    ):
        introduce([speaker, listener, before, after])
        say_beside_a_slow_one(speaker, [listener])
        said = lines(_EACH_SAYS, string.ascii_lowercase)
        for _ in range(_ROUNDS):
            with held(subject):
                say_while_held(
                    speaker, said
                )  # first: when it is passed on, the two have events that wait, in any order
                let_go = [_shout(deaf) for deaf in (before, after)]
            _others_are_heard(speaker, listener, said)
            if all(let_go):
                return


def nobody_notices_a_silent_one(subject: Subject) -> None:
    """Let a silent slow member be let go, with neighbours on both sides. Raises NotSeen if they notice it."""
    with connect(subject) as one, slow(subject) as late, connect(subject) as two, connect(subject) as speaker:
        introduce([speaker, one, two, late])
        said = say_beside_a_slow_one(speaker, [one, two])
        if how := say(speaker, [one, two], text(_FAR_BYTES, first=len(said))):
            raise NotSeen(f"{FAR_BEHIND}, and another one {how}: see the item let-go")


def _shout(deaf: socket.socket) -> bool:
    """Send what fits; return whether it was let go, and can't."""
    deaf.settimeout(0)
    try:
        deaf.send(lines(_EACH_SAYS, string.ascii_uppercase))
    except ConnectionError:
        return True
    except BlockingIOError:
        return False
    return False


def _others_are_heard(speaker: socket.socket, listener: socket.socket, said: bytes) -> None:
    """Check that all that the third one says arrives, among what the two others may have said."""
    plain = only(said, string.ascii_lowercase)
    place = 0

    def take(_: socket.socket, heard: bytes) -> int:
        nonlocal place
        mine = only(heard, string.ascii_lowercase)
        right = plain.startswith(mine, place)
        place += len(mine)
        return len(mine) if right else -1

    _, failed = converse({speaker: b""}, [listener], take, len(plain))
    for how in failed.values():
        raise Fault(f"two members spoke and did not read, and another one {how}")
    try:
        meet([speaker, listener])  # what the two have said is read, too
    except Fault:
        raise Fault("two members spoke and did not read, and then the others did not hear each other") from None
