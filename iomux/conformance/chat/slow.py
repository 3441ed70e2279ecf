"""Items of a chat room about members that do not read, or have left: they harm only themselves, and cost little."""

from iomux.conformance.chat.room import (
    MOST_OWED_BYTES,
    expect_message,
    item,
    room,
    send_pieces,
    slow,
    wait_until_all_receive,
)
from iomux.conformance.trial.clients import MIB, connect, eventually, receive
from iomux.conformance.trial.subject import Fault, Subject, busy, descriptors, rss_bytes, skip_if_never_asleep
from iomux.system.sockets import reset

_MOST_GROWTH = 16 * MIB
_VISITS = 200
_SPARE_DESCRIPTORS = 4


@item(
    "slow-reader",
    rule="a member that does not read does not hold up the others",
    sent="one member sends 16 MiB; one reads each piece, another one never reads",
    hint="Where does your room wait until the slow member takes its bytes? While it waits there, it serves no one; "
    "and if you stop reading from the sender, you stop the sender.",
    man="send(2), fcntl(2) (O_NONBLOCK)",
)
def slow_reader(subject: Subject) -> None:
    """Test that the others go on."""
    with room(subject, 2) as (sender, reader), slow(subject) as late:
        wait_until_all_receive([sender, reader, late])
        send_pieces(sender, reader, 16 * MIB)


@item(
    "memory",
    rule="a member that does not read costs bounded memory",
    sent="one member sends 48 MiB, and another one never reads",
    hint="You keep what a member has not taken, and that grows with all that the others send. How much is enough, and "
    "what do you do then?",
    man="send(2), malloc(3)",
)
def memory(subject: Subject) -> None:
    """Check that the room keeps no more than the rule says."""
    with room(subject, 2) as (sender, reader), slow(subject) as late:
        wait_until_all_receive([sender, reader, late])
        send_pieces(sender, reader, MIB)
        before = rss_bytes(subject)
        send_pieces(sender, reader, 48 * MIB)
        if (grown := rss_bytes(subject) - before) > _MOST_GROWTH:
            raise Fault("the room's memory grew by more than 16 MiB", grown_bytes=grown)


@item(
    "falls-behind",
    rule="a member that falls too far behind gets all bytes up to some point, then the end",
    sent="one member sends 16 MiB, and only then another one begins to read",
    hint="Don't leave out bytes from the middle: the reader would take the rest for the whole. Closing the connection "
    "is honest.",
    man="close(2), shutdown(2)",
)
def falls_behind(subject: Subject) -> None:
    """Check that the member gets an unbroken beginning, then the end."""
    with room(subject, 2) as (sender, reader), slow(subject) as late:
        wait_until_all_receive([sender, reader, late])
        sent = send_pieces(sender, reader, 16 * MIB)
        got, how = receive(late, len(sent))
        if not sent.startswith(got):
            raise Fault("a slow member got the end without the middle", bytes_got=len(got))
        if how == "nothing more came":
            raise Fault("a slow member neither got every byte nor was closed: it waits for ever", bytes_got=len(got))


@item(
    "mid-reset",
    rule="the other members stay if one resets while it is owed bytes",
    sent="three times one member resets, with unread bytes of another's 512 KiB; then 1 MiB is sent",
    hint="You had something left to send when it left. What does send do then, and what happens to the bytes you kept?",
    man="send(2) (EPIPE), poll(2) (POLLHUP)",
)
def mid_reset(subject: Subject) -> None:
    """Test resets with bytes under way."""
    with room(subject, 2) as (sender, reader):
        for _ in range(3):
            late = slow(subject)
            wait_until_all_receive([sender, reader, late])
            send_pieces(sender, reader, MOST_OWED_BYTES // 2)
            reset(late)
        send_pieces(sender, reader, MOST_OWED_BYTES)


@item(
    "silent",
    rule="the room sleeps while no member sends, even if one is owed bytes or has left",
    sent="of five members one sends 512 KiB, one does not read, one leaves with a reset; then silence",
    hint="A socket is nearly always writable, and one whose client has left is readable for ever. Which sockets are "
    "still on your interest list, and for which events?",
    man="poll(2) (POLLOUT, POLLHUP), select(2)",
)
def silent(subject: Subject) -> None:
    """Check that the room sleeps while no member sends."""
    skip_if_never_asleep(subject)
    with room(subject, 4) as (sender, reader, _, leaver), slow(subject) as late:
        wait_until_all_receive([sender, reader, late])
        send_pieces(sender, reader, MOST_OWED_BYTES // 2)
        reset(leaver)
        if busy(subject):
            raise Fault("no member sends, and the room never sleeps")


@item(
    "leaks",
    rule="members that come and go leave no descriptor behind",
    sent="200 visitors come one after the other, each sends a word; every second one leaves with a reset",
    hint="For each member you keep a socket and what it is owed. Do you drop both, on every way out?",
    man="close(2)",
)
def leaks(subject: Subject) -> None:
    """Test members that come and go."""
    with connect(subject) as host:
        before = 0
        for number in range(_VISITS):
            visitor = connect(subject)
            visitor.sendall(b"hello")
            expect_message(host, b"hello", "a member")
            reset(visitor) if number % 2 else visitor.close()
            before = before or descriptors(subject)
        if not eventually(lambda: descriptors(subject) <= before + _SPARE_DESCRIPTORS):
            raise Fault("descriptors of members that have left stay open", more=descriptors(subject) - before)
