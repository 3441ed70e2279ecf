"""The parts of the item in-order: two who speak at once, first words, repeated words, words after a silence.

What one sender says has to arrive complete. A room that asks for a name, or tells
the others who has joined, may keep a member's first words by its own rules; one that says nothing has lost them.
"""

import socket
import string
import time
from collections.abc import Sequence

from iomux.conformance.chat.manners import first_heard
from iomux.conformance.chat.room import held, introduce, say_while_held
from iomux.conformance.chat.talk import ENDED, TOO_SOON, converse, lines, merged, say
from iomux.conformance.trial.patience import ready
from iomux.conformance.trial.subject import Fault, NotSeen, NotSeenHere, Subject

_EACH_SAYS, _AT_ONCE = 200_000, 40_000  # so much fits into the kernel's buffers while the room is held still
_LITTLE_AHEAD = 16 * 1024  # how much a room keeps for one who listens is not the question here
_AGAIN, _TIMES = b"the same again\n", 3
_LAST = b"and I have heard nothing for some seconds\n"
_SILENT_SECONDS = 6.5  # longer than 5 s, a common time limit
_TOO_LONG_SECONDS = 2 * _SILENT_SECONDS
_ASKED_SECONDS = 1.0
_COMPARED = "Who says the same thing again has said it again. Do you compare a message with the one before it?"
_TAKEN = (
    "Nobody was asked for anything, and nobody was told anything: so what a member says first is a message, too. Do "
    "you read it in another place than the others, or wait for something that it is not?"
)
_CUT = (
    "A member that says nothing listens. recv tells you when one has left; a time limit does not (socket.settimeout, "
    "SO_RCVTIMEO, a clock of your own)."
)


def two_at_once(subject: Subject, members: Sequence[socket.socket]) -> None:
    """Let two speak at once, in letters of their own. Raises Fault unless a third one hears each of them in order."""
    one, two, listener = members
    streams = {letters: lines(_EACH_SAYS, letters) for letters in (string.ascii_lowercase, string.ascii_uppercase)}
    wanted = sum(len(data) - data.count(b"\n") for data in streams.values())
    said = dict(zip((one, two), streams.values(), strict=True))
    with held(subject):
        for speaker, data in said.items():
            say_while_held(speaker, data[:_AT_ONCE])
    rest = {speaker: data[_AT_ONCE:] for speaker, data in said.items()}
    _, failed = converse(rest, [listener], merged(streams), wanted, _LITTLE_AHEAD)
    for how in failed.values():
        raise Fault(f"a member {how}", hint=TOO_SOON if how == ENDED else "")


def says_it_again(members: Sequence[socket.socket]) -> None:
    """Let one say a line again, each time when the others have heard it. Raises Fault if they hear it only once."""
    speaker, *others = members
    for count in range(_TIMES):
        if not (how := say(speaker, others, _AGAIN)):
            continue
        if count == 0:
            raise NotSeen(f"a member {how}: see the item passes-on")
        raise Fault(f"a member said a line again that it had just said, and another one {how}", hint=_COMPARED)


def first_words_are_heard(newcomer: socket.socket, members: Sequence[socket.socket]) -> None:
    """Let a newcomer speak. Raises Fault if its first line is lost, and it had not been asked for one.

    Then all hear each other, and have read what was said.
    """
    try:
        number, before = first_heard(newcomer, members[0])
    except Fault as fault:
        raise NotSeen(f"{fault.seen}: see the item passes-on") from None
    if number and not before and not ready([newcomer], seconds=_ASKED_SECONDS)[0]:
        raise Fault(
            "what a new member said first did not reach the others, and what it said later did", _TAKEN, lost=number
        )
    introduce([*members, newcomer])


def silent_ones_hear(members: Sequence[socket.socket]) -> None:
    """Check that all still hear each other after some seconds in which nobody speaks: a pause is no farewell.

    A room may limit silence; so one that has lasted for much longer, because this process got no core, tells nothing.
    """
    began = time.monotonic()
    time.sleep(_SILENT_SECONDS)
    late = time.monotonic() > began + _TOO_LONG_SECONDS
    speaker, *others = members
    if how := say(speaker, others, _LAST):
        if late:
            raise NotSeenHere("this machine was too busy to tell: a silence of some seconds lasted for much longer")
        raise Fault(f"nobody had spoken for some seconds, and then a member {how}", hint=_CUT)
