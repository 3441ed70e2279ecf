"""Items of a chat room about what it uses and how it ends: processor time, descriptors, urgent bytes, Ctrl-C."""

import contextlib
import socket

from iomux.conformance.chat.room import (
    held,
    introduce,
    item,
    meet,
    room,
    say_beside_a_slow_one,
    slow,
)
from iomux.conformance.trial.clients import connect, eventually, leave
from iomux.conformance.trial.limits import descriptors_of_first, ends_by_ctrl_c, limit_descriptors, listens
from iomux.conformance.trial.patience import busy_printing
from iomux.conformance.trial.rest import wakes_often
from iomux.conformance.trial.subject import Fault, NotSeen, NotSeenHere, Subject, busy, use_at_rest
from iomux.system.sockets import reset

_SPARE, _TOO_MANY = 3, 7
_NOTHING_HAPPENED = (
    "It goes round although nothing has happened yet: is a timeout 0, or do you watch for room to write at all times? "
    "A socket is nearly always writable."
)
_ONE_IS_OWED = "It slept until a member was owed bytes: do you ask for room to write for it, or try to send in a loop?"
_ONE_HAS_LEFT = "It slept until a member had left: a socket whose client has left is readable for ever. Who watches it?"


@item(
    "silent",
    points=2,
    rule="the room sleeps while no member sends, even if one is owed bytes or has left",
    sent="six members are silent; one leaves by close, one by shutdown; one sends 896 KiB, of which another one reads "
    "nothing; one leaves with a reset; each time there is silence after it",
    hint="A loop that goes round although nothing has happened has a timeout of 0, or watches what is always ready: a "
    "socket is nearly always writable, and one whose client has left is readable for ever. Which sockets are still on "
    "your interest list, and for which events?",
    man="poll(2) (POLLOUT, POLLHUP), select(2)",
)
def silent(subject: Subject) -> None:
    """Check that the room sleeps while no member sends."""
    with room(subject, 5) as members, slow(subject) as late:
        speaker, listener, closes, ends, resets = members
        introduce([*members, late])  # all have read what was said: a close is none with bytes unread, so no reset
        _sleeps(subject, "all members are silent", _NOTHING_HAPPENED)
        closes.close()
        _sleeps(subject, "a member has left, all others are silent", _ONE_HAS_LEFT)
        ends.shutdown(socket.SHUT_WR)
        _sleeps(subject, "a member has ended its side (shutdown), all others are silent", _ONE_HAS_LEFT)
        say_beside_a_slow_one(speaker, [listener])
        _sleeps(subject, "a member is owed bytes, all are silent", _ONE_IS_OWED)
        reset(resets)
        _still_talk([speaker, listener], "a member had left with a reset, and then")
        _sleeps(subject, "a member has left with a reset, all others are silent", _ONE_HAS_LEFT)


def _sleeps(subject: Subject, when: str, hint: str) -> None:
    use = use_at_rest(subject)
    if use.spins:
        raise Fault(f"{when}, and the room never sleeps", hint=hint)
    if wakes_often(use):
        raise Fault(f"{when}, and the room wakes up again and again", wake_ups_a_second=use.wake_ups)


def _still_talk(members: list[socket.socket], when: str) -> None:
    try:
        meet(members)
    except Fault:
        raise Fault(f"{when} the members did not hear each other any more") from None


@item(
    "descriptor-limit",
    points=2,
    rule="out of descriptors, the room goes on for its members, and lets new ones in later",
    sent="with 3 descriptors left 7 clients come; the five inside speak to each other; the 7 leave; a new one comes",
    hint="accept fails with EMFILE, and the waiting clients stay in the backlog. That is no reason to end, nor to call "
    "accept again and again: until a descriptor is free, it fails each time.",
    man="accept(2) (EMFILE), getrlimit(2)",
)
def descriptor_limit(subject: Subject) -> None:
    """Check that the room survives EMFILE without spinning, and recovers."""
    with room(subject, 5) as members:
        spun = busy(subject)  # then something other than the limit keeps it awake: see the item silent
        limit_descriptors(subject, limit := descriptors_of_first(subject) + _SPARE)
        waiting = [_knock_at_the_door(subject) for _ in range(_TOO_MANY)]
        for speaker in members:
            _still_talk([speaker, *(other for other in members if other is not speaker)], "at the limit")
        spins = not spun and busy(subject)
        prints = spins and busy_printing(subject)
        for client in waiting:
            leave(client)  # a close with bytes unread would be a reset, and that is another item's
        if not eventually(lambda: _free_again(subject, members, limit)):
            raise NotSeen("members had left, and of the descriptors that the room had for them none was free again")
        if not eventually(lambda: _lets_in(subject, members)):
            raise Fault("descriptors are free again, and a new member is not let in")
        if prints:  # asyncio's has a traceback for each place of the backlog, and then sleeps for the rest of a second
            raise NotSeenHere("this machine is too busy to tell whether it ever sleeps at the limit: it prints much")
        if spins:
            raise Fault("at the limit the room never sleeps: it asks for a descriptor again and again")


def _knock_at_the_door(subject: Subject) -> socket.socket:
    """A client that may have to wait for a place in the backlog, and does not wait for it here."""
    client = socket.socket(socket.AF_INET6 if ":" in subject.address[0] else socket.AF_INET)
    client.setblocking(False)
    client.connect_ex(subject.address)
    return client


def _free_again(subject: Subject, members: list[socket.socket], limit: int) -> bool:
    """Whether a descriptor is free, at once or when something was said: some find out by that who has left."""
    if descriptors_of_first(subject) < limit:
        return True
    with contextlib.suppress(Fault):
        meet(members)
    return False


def _lets_in(subject: Subject, members: list[socket.socket]) -> bool:
    with contextlib.suppress(Fault), connect(subject) as new:
        meet([new, members[0]])
        return True
    return False


@item(
    "urgent",
    points=1,
    rule="an urgent byte does no harm to its sender or to others",
    sent="a member sends a line, one urgent byte (MSG_OOB) and a line; then another one speaks",
    hint="select's third list and POLLPRI report urgent data, not errors: a member there has done nothing wrong. If "
    "you don't want urgent bytes, don't ask for them.",
    man="select(2) (exceptfds), poll(2) (POLLPRI), tcp(7)",
)
def urgent(subject: Subject) -> None:
    """Check that the lines before and after an urgent byte arrive; the byte itself may be skipped, or not."""
    with room(subject, 3) as (speaker, one, two):
        spun = subject.pid is None or busy(subject)
        with held(subject):
            speaker.sendall(b"before\n")
            speaker.send(b"!", socket.MSG_OOB)
        if not spun and busy(subject):
            raise Fault("after an urgent byte the room never sleeps again")
        _still_talk([speaker, one, two], "a member sent an urgent byte, and then")
        _still_talk([two, speaker], "a member sent an urgent byte, and then")


@item(
    "ctrl-c",
    points=1,
    rule="Ctrl-C ends the room at once, and its port is free again",
    sent="while two members are connected, the room's process gets SIGINT",
    hint="Ctrl-C arrives as the exception KeyboardInterrupt, wherever the program is. Code that catches everything "
    "catches that too. Python waits for each thread that is not a daemon, and asyncio's serve_forever, from Python "
    "3.12.1 on, until every client has left: await a future instead.",
    man="signal(7); Python: KeyboardInterrupt, threading (daemon), asyncio.Server.wait_closed",
)
def ctrl_c(subject: Subject) -> None:
    """Check that the room ends promptly."""
    with room(subject, 2):
        ends_by_ctrl_c(subject, "the room")
    if not eventually(lambda: not listens(subject)):
        raise Fault("its process has ended, and something still listens on its port")
