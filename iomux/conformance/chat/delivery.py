"""Items of a chat room about delivery: all others get what a member sends, complete and in order."""

import contextlib
import socket
import string

from iomux.conformance.chat.complete import first_words_are_heard, says_it_again, silent_ones_hear, two_at_once
from iomux.conformance.chat.manners import speaks_in_lines
from iomux.conformance.chat.owed import last_words_are_owed
from iomux.conformance.chat.room import (
    guests,
    held,
    introduce,
    item,
    meet,
    room,
    room_with_a_slow_member,
    say_beside_a_slow_one,
    say_while_held,
)
from iomux.conformance.chat.talk import hear, lines, must_hear, say, words
from iomux.conformance.trial.clients import check_room_for, connect
from iomux.conformance.trial.limits import allow_descriptors
from iomux.conformance.trial.patience import ready
from iomux.conformance.trial.subject import Fault, NotSeen, Subject

_SIZES, _ASCII = (1, 1000, 60_000, 1 << 20), 128
_NO_TEXT = (
    "All values of ASCII arrive, and the next one does not: where do you decode bytes as text, and encode them again?"
)
_COUNTED = (
    "What a message says makes no difference here, how many there were before does. What do you count for a member, "
    "and what happens when that is at its end?"
)
_SILENT_SECONDS, _LAST_WORDS = 0.3, 60_000
_MEMBERS, _SPARE = 60, 40


@item(
    "passes-on",
    points=4,
    rule="every member gets what another member sends",
    sent="three members in turn send 1, 1,000 and 60,000 bytes and 1 MiB each",
    hint="Follow one message by hand: who reads it from its sender's socket, and to which sockets is it then written?",
    man="recv(2), send(2)",
)
def passes_on(subject: Subject) -> None:
    """Test the least that a chat room does."""
    with guests(subject, 3) as members:
        meet([members[1], members[0], members[2]])
        meet(members)
        wording = lines if speaks_in_lines(members[0], members[1:]) else words
        for number, speaker in enumerate(members):
            others = members[:number] + members[number + 1 :]
            meet([speaker, *others])  # whether one has got its own message back is another item's question
            for size in _SIZES:
                must_hear(speaker, others, wording(size))


@item(
    "not-to-sender",
    points=2,
    rule="a member does not get its own messages back",
    sent="one of two members sends three messages, then waits for bytes; so does one next to a member that does not "
    "read, when it has sent 896 KiB",
    hint="Which member do you skip when you go through the list of members?",
    man="send(2)",
)
def not_to_sender(subject: Subject) -> None:
    """Test that there is no echo: what the room does at once, it has done when the last message has arrived."""
    with room(subject, 2) as (speaker, other):
        _hears_nothing(speaker, other, "")
    with room_with_a_slow_member(subject) as (speaker, other, _):
        say_beside_a_slow_one(speaker, [other])
        _hears_nothing(speaker, other, " while another one was owed bytes")


def _hears_nothing(speaker: socket.socket, other: socket.socket, when: str) -> None:
    for word in (b"one\n", b"two\n", b"three\n"):
        speaker.sendall(word)
        if how := hear(other, word):
            raise NotSeen(f"a member {how}: see the item passes-on")
    if ready([speaker], seconds=_SILENT_SECONDS)[0]:
        with contextlib.suppress(ConnectionError):
            if speaker.recv(100):
                raise Fault(f"a member got its own message back{when}")
        raise Fault(f"a member was disconnected while it spoke{when}")


@item(
    "every-byte",
    points=3,
    rule="bytes of every value are passed on as they are",
    sent="a member sends a byte of each value, one at a time, then all pairs (a room of whole lines gets only text)",
    hint="A message is bytes, not text. Do you decode it, strip it, split it, or look for a character that ends it? "
    "Which value is the first that does not arrive?",
    man="recv(2); Python: bytes, codecs",
)
def every_byte(subject: Subject) -> None:
    """Test all 256 values, each alone, so that the first that is lost can be named."""
    with room(subject, 3) as (speaker, *others):
        if speaks_in_lines(speaker, others):
            return must_hear(speaker, others, lines(_LAST_WORDS, string.printable[:-6]))
        for value in range(256):
            if how := say(speaker, others, bytes([value])):
                _arrives_elsewhere(subject, value, how)
                hint = _NO_TEXT if value >= _ASCII else ""
                raise Fault(f"a byte of the value 0x{value:02x} was said, and a member {how}", hint=hint)
        return must_hear(speaker, others, bytes(half for pair in range(1 << 16) for half in divmod(pair, 256)))


def _arrives_elsewhere(subject: Subject, value: int, how: str) -> None:
    """Raise Fault, naming another cause, if a byte that was lost arrives where it is the first to be said."""
    with contextlib.suppress(NotSeen, OSError), room(subject, 3) as (speaker, *others):
        if not say(speaker, others, bytes([value])):
            raise Fault(
                f"after some short messages a member {how}, and the next one, said in a fresh room, arrives",
                hint=_COUNTED,
                messages=value + 1,
            )


@item(
    "in-order",
    points=4,
    rule="each sender's bytes arrive complete and in order, even if two send at once",
    sent="two members send 200,000 bytes each; the first of both are there when the room looks (SIGSTOP, SIGCONT); one "
    "says a line three times, a new one says its first; all are silent for 6.5 s, and one speaks",
    hint="Two senders may be interleaved, but each one's bytes must stay in order. Can new bytes overtake owed ones?",
    man="tcp(7), send(2)",
    long=True,
)
def in_order(subject: Subject) -> None:
    """Test that two streams may merge, each in its order; then what a room may leave out: see `chat.complete`."""
    with room(subject, 3) as members:
        two_at_once(subject, members)
        introduce(members)  # what the two have heard of each other is read, too
        says_it_again(members)
        with connect(subject) as new:
            first_words_are_heard(new, members)
            silent_ones_hear([*members, new])


@item(
    "last-words",
    points=4,
    rule="what a member sends before it leaves still reaches the others",
    sent="a member sends 60,000 bytes and leaves; all is there when the room looks (SIGSTOP, SIGCONT); another one "
    "sends 896 KiB and leaves, and one reads only then",
    hint="That a member has left is told by recv when all that it has sent was read, and not before. Do you look at "
    "an event such as POLLHUP or POLLRDHUP first, and drop what is still to be read?",
    man="recv(2), poll(2) (POLLRDHUP)",
)
def last_words(subject: Subject) -> None:
    """Test a message and the end of the stream that come together."""
    said = lines(_LAST_WORDS)
    with room(subject, 3) as (leaves, one, two):
        with held(subject):
            say_while_held(leaves, said)
            leaves.close()
        for other in (one, two):
            if how := hear(other, said):
                raise Fault(f"a member left when it had spoken, and another one {how}")
    last_words_are_owed(subject)


@item(
    "many",
    points=2,
    rule="the room has a place for several dozen members",
    sent="60 members come one after the other, and each is heard; then the first and the last speak to all",
    hint="How many members does your room hold, and where is that written: a table, a limit that you have chosen, the "
    "number of threads? And does each message reach all of them?",
    man="listen(2), poll(2), getrlimit(2)",
)
def many(subject: Subject) -> None:
    """Test 60 members."""
    check_room_for(_MEMBERS)
    allow_descriptors(subject, _MEMBERS + _SPARE)
    with contextlib.ExitStack() as stack, connect(subject) as first:
        members = [first]
        for number in range(2, _MEMBERS + 1):
            members.append(stack.enter_context(connect(subject)))
            _let_in(members, number)
        for speaker, *others in (members, members[::-1]):
            introduce([speaker, *others])
            must_hear(speaker, others, lines(_SIZES[1]), "one of 60 members")


def _let_in(members: list[socket.socket], number: int) -> None:
    """Check that the first member hears the newest one. Raises NotSeen if two don't hear each other either."""
    try:
        meet([members[-1], members[0]])
    except Fault as fault:
        if number == 2:
            raise NotSeen(f"{fault.seen}: see the item passes-on") from None
        raise Fault(
            f"{number - 1} members were let in, and what the next one said was not heard", members=number
        ) from None
