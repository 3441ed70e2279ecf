"""Items of a chat room about members that leave: in order, by a reset, in the backlog, while they are owed bytes."""

import contextlib
import socket
import time

from iomux.conformance.chat.let_go import nobody_notices_a_silent_one
from iomux.conformance.chat.owed import nobody_inherits, reset_and_wait, the_owed_are_paid
from iomux.conformance.chat.room import (
    MOST_OWED_BYTES,
    held,
    introduce,
    item,
    meet,
    open_descriptors,
    room,
    say_beside_a_slow_one,
    slow,
    wait_until_it_closed,
)
from iomux.conformance.chat.talk import hear, lines, say, text
from iomux.conformance.trial.clients import connect
from iomux.conformance.trial.connecting import accepted_client
from iomux.conformance.trial.patience import ready
from iomux.conformance.trial.subject import PATIENCE, Fault, Subject
from iomux.system.sockets import reset

_LINE = b"\nis anybody there?\n"
_SPEECH_BYTES = 256 * 1024


@item(
    "leaving",
    points=6,
    rule="the other members stay, however one leaves",
    sent="one comes and leaves without a word; four of six members leave, by close, reset, close with unread bytes and "
    "shutdown; then a new one comes",
    hint="recv on a client that has left returns no bytes, or raises ECONNRESET; send raises EPIPE. Do you still "
    "write to a member that has left?",
    man="recv(2), send(2) (EPIPE), tcp(7)",
)
def leaving(subject: Subject) -> None:
    """Test members that come and go."""
    with room(subject, 6) as (closes, resets, stays, unread, too, ends):  # some came before those who stay, some after
        guest = accepted_client(subject)
        before = open_descriptors(subject)
        guest.close()
        wait_until_it_closed(subject, before)
        _still_talk([stays, too], "one had come and left without a word")
        closes.close()
        resets.sendall(b"bye\n")
        reset(resets)
        time.sleep(0.1)  # the room has nothing to send to them: recv has to find out
        with contextlib.suppress(OSError):
            stays.sendall(b"?\n")
        time.sleep(0.1)  # the bytes have arrived unread: the close becomes a reset (RFC 2525, 2.17)
        unread.close()
        ends.shutdown(socket.SHUT_WR)
        _still_talk([stays, too], "four members had left")
        _still_talk([too, stays], "four members had left")
        with connect(subject) as new:
            _still_talk([stays, too, new], "four members had left")
            _still_talk([new, too, stays], "four members had left")


def _still_talk(members: list[socket.socket], after: str) -> None:
    """Check that the first member is still heard by the others. Raises Fault, saying what happened before."""
    try:
        meet(members)
    except Fault:
        raise Fault(f"{after}, and then the others did not hear each other any more") from None


@item(
    "resets",
    points=8,
    rule="a member that resets its connection harms no other, whatever the room is doing",
    sent="members reset: one before it has said or heard a word, one that is silent, one that speaks, one while the "
    "room is held still (SIGSTOP), two more before it can accept them; one while another is owed 512 KiB, which then "
    "reads",
    hint="After a reset each call on that socket may fail: recv, getpeername, even accept. It is the end of one "
    "member, not of your loop: remove that one, and go on.",
    man="tcp(7), recv(2), accept(2), getpeername(2)",
)
def resets(subject: Subject) -> None:
    """Test the moments at which a reset may come."""
    with room(subject, 5) as (one, two, silent, speaks, at_rest):
        reset_and_wait(subject, accepted_client(subject))
        _still_talk([one, two, speaks, at_rest], "one had reset its connection before a word was said to it, or by it")
        reset_and_wait(subject, silent)
        _still_talk([one, two, speaks, at_rest], "a silent member had reset its connection")
        with contextlib.suppress(OSError):
            speaks.settimeout(0)
            speaks.send(lines(_SPEECH_BYTES))
        reset_and_wait(subject, speaks)
        _still_talk([one, two, at_rest], "a member had reset its connection while it spoke")
        before = open_descriptors(subject)
        with held(subject):
            reset(at_rest)
        wait_until_it_closed(subject, before)
        with held(subject):
            reset(connect(subject))
            hasty = connect(subject)
            hasty.sendall(_LINE)
            reset(hasty)
        with connect(subject) as new:  # it is heard after those before it were found to have reset
            _still_talk([new, two, one], "members had reset their connections while the room was held still")
    the_owed_are_paid(subject)


@item(
    "mid-reset",
    points=6,
    rule="the other members stay if one resets while it is owed bytes",
    sent="three times one member resets, with unread bytes of another's 896 KiB, 1 MiB is sent, and a new one comes; "
    "then one resets just before a message would reach it (SIGSTOP, SIGCONT)",
    hint="You had something to send to it when it left. What does send do then, what happens to the bytes you kept, "
    "and who is next in the list that you were walking through?",
    man="send(2) (EPIPE), poll(2) (POLLHUP)",
)
def mid_reset(subject: Subject) -> None:
    """Test resets with bytes under way."""
    with room(subject, 2) as (speaker, listener):
        for _ in range(3):
            with slow(subject) as late:
                introduce([speaker, listener, late])
                say_beside_a_slow_one(speaker, [listener])
                reset_and_wait(subject, late)
            if how := say(speaker, [listener], text(MOST_OWED_BYTES)):
                raise Fault(f"a member that was owed bytes had reset its connection, and another one {how}")
            nobody_inherits(subject, [speaker, listener])
    nobody_notices_a_silent_one(subject)
    _in_the_midst(subject)


def _in_the_midst(subject: Subject) -> None:
    """Let a member reset just before a message is passed on to it, with neighbours on both sides.

    A second message shows that one who did not hear the first has missed it, and does not wait for it.
    """
    with room(subject, 4) as (speaker, one, leaves, two):
        with held(subject):
            speaker.sendall(_LINE)
            reset(leaves)
        ready([one, two], seconds=PATIENCE)
        with contextlib.suppress(OSError):
            speaker.sendall(_LINE[::-1])
        for other in (one, two):
            if how := hear(other, _LINE + _LINE[::-1]):
                raise Fault(f"a member had reset its connection when it was sent a message, and another one {how}")
