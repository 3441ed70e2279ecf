"""A member leaves while others are owed bytes, or it is itself: what was owed goes to whom it was owed, or to nobody.

A room that keeps it by a descriptor's number, and not by the member, has it still when the next one gets that number:
the lowest that is free (accept(2), open(2)). One that keeps it for all in one place may drop it for all.
"""

import socket
from collections.abc import Sequence

from iomux.conformance.chat.room import (
    introduce,
    meet,
    open_descriptors,
    room_with_a_slow_member,
    say_beside_a_slow_one,
    slow,
    wait_until_it_closed,
    wait_until_it_rests,
)
from iomux.conformance.chat.talk import LINE_BYTES, LITTLE_AHEAD_BYTES, hear, say, text
from iomux.conformance.trial.clients import connect
from iomux.conformance.trial.subject import Fault, NotSeen, Subject
from iomux.system.sockets import reset

_OWED_BYTES = 512 * 1024
_END_OF_A_LINE = text(LINE_BYTES)[-32:]
_INHERITED = (
    "The kernel gives a descriptor's number again as soon as it is closed. Do you keep what is owed by that number, "
    "and drop it however a member leaves?"
)
_OF_ONE_THAT_LEFT = (
    "What you keep for a member is owed to that one, whoever has said it: the end of the speaker is no end of what it "
    "has said. What do you throw away when somebody leaves?"
)
_DROPPED = "Whose bytes do you drop when a member leaves by a reset: only its own?"


def reset_and_wait(subject: Subject, member: socket.socket) -> None:
    """Reset, and give the room the time to find out before anything is sent to that member: `mid-reset` is for that.

    Before the reset it has the time to end what it does: others have perhaps heard what this member is yet to be sent.
    """
    wait_until_it_rests(subject)
    before = open_descriptors(subject)
    reset(member)
    wait_until_it_closed(subject, before)


def the_owed_are_paid(subject: Subject) -> None:
    """Let one reset while two are owed bytes, one of whom has read them before. Raises NotSeen if that one misses some.

    One can't be asked twice: for who has read at all the kernel keeps far more the next time (tcp(7), tcp_wmem).
    """
    said = text(_OWED_BYTES)
    with room_with_a_slow_member(subject) as (speaker, listener, late), slow(subject) as reads:
        with connect(subject) as leaves:
            introduce([speaker, listener, leaves, late, reads])
            if how := say(speaker, [listener, leaves], said, LITTLE_AHEAD_BYTES):
                raise NotSeen(f"next to a member that does not read, another one {how}: see the item slow-reader")
            if how := hear(reads, said):
                raise NotSeen(f"a member that read late {how}: see the item late-reader")
            reset_and_wait(subject, leaves)
        if how := hear(late, said):
            raise Fault(f"a member had reset its connection, and one that was owed bytes {how}", hint=_DROPPED)


def nobody_inherits(subject: Subject, members: Sequence[socket.socket]) -> None:
    """Let a newcomer in after one that was owed bytes has gone. Raises Fault if it hears what was owed to that one.

    A room that tells every newcomer what was said before does so by its own rules: a second one hears it, too.
    """
    with connect(subject) as new:
        if _END_OF_A_LINE not in _heard_first([*members, new]):
            return
        with connect(subject) as another:
            if _END_OF_A_LINE in _heard_first([*members, new, another]):
                return
    seen = "a member that was owed bytes had reset its connection, and the next one to join heard them"
    raise Fault(seen, hint=_INHERITED)


def _heard_first(members: Sequence[socket.socket]) -> bytes:
    """What the last member has heard before the others spoke to it."""
    try:
        return meet(members)[-1]
    except Fault:
        seen = "a member that was owed bytes had reset its connection, and the next one to join did not hear the others"
        raise Fault(seen) from None


def last_words_are_owed(subject: Subject) -> None:
    """Raise Fault if what one has said is lost to a member that reads late, as soon as the speaker has left."""
    with room_with_a_slow_member(subject) as (leaves, one, late):
        said, before = say_beside_a_slow_one(leaves, [one]), open_descriptors(subject)
        leaves.close()
        wait_until_it_closed(subject, before)
        if how := hear(late, said):
            raise Fault(f"a member left when it had spoken, and one that read late {how}", hint=_OF_ONE_THAT_LEFT)
