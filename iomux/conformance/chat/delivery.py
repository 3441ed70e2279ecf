"""Items of a chat room about delivery: all others get what a member sends, complete and in order."""

import contextlib
import socket
import string
import time

from iomux.conformance.chat.room import (
    MOST_OWED_BYTES,
    PIECE_BYTES,
    expect_message,
    item,
    room,
    send_pieces,
    slow,
    wait_until_all_receive,
    words,
)
from iomux.conformance.trial.clients import compare, connect, receive, sending
from iomux.conformance.trial.subject import Fault, Subject
from iomux.system.sockets import reset


@item(
    "passes-on",
    points=20,
    rule="every member gets what another member sends",
    sent="three members in turn send 1, 1,000 and 60,000 bytes each",
    hint="Follow one message by hand: who reads it from its sender's socket, and to which sockets is it then written?",
    man="recv(2), send(2)",
)
def passes_on(subject: Subject) -> None:
    """Test the least that a chat room does."""
    with room(subject, 3) as members:
        for sender in members:
            for size in (1, 1000, 60_000):
                sender.sendall(words(size))
                for other in members:
                    if other is not sender:
                        expect_message(other, words(size), "a member")


@item(
    "not-to-sender",
    rule="a member does not get its own messages back",
    sent="one of two members sends three messages, then waits for bytes",
    hint="Which member do you skip when you go through the list of members?",
    man="send(2)",
)
def not_to_sender(subject: Subject) -> None:
    """Test that there is no echo."""
    with room(subject, 2) as (sender, other):
        for word in (b"one", b"two", b"three"):
            sender.sendall(word)
            expect_message(other, word, "the other member")
        sender.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            came = sender.recv(100)
            raise Fault(
                "a member got its own message back" if came else "a member was disconnected while it was sending"
            )


@item(
    "in-order",
    rule="each sender's bytes arrive complete and in order, even if two send at once",
    sent="two members send 200,000 bytes each at the same time, a third one reads",
    hint="Two senders may be interleaved, but each one's bytes must stay in order. Can new bytes overtake owed ones?",
    man="tcp(7), send(2)",
)
def in_order(subject: Subject) -> None:
    """Test that two streams may merge, each in its order."""
    low, high = (words(200_000, letters) for letters in (string.ascii_lowercase, string.ascii_uppercase))
    with room(subject, 3) as (one, two, reader), sending(one, low), sending(two, high):
        got, how = receive(reader, len(low) + len(high))
        for sent, letters in ((low, string.ascii_lowercase), (high, string.ascii_uppercase)):
            compare(sent, bytes(byte for byte in got if chr(byte) in letters), how or "other bytes came", "a reader")


@item(
    "late-reader",
    rule="a member that reads late gets every byte of the first mebibyte",
    sent="one member sends just under 1 MiB in 128 KiB pieces; one reads at once, another only later",
    hint="send takes what fits, and returns how much that was: keep the rest, separately for each member.",
    man="send(2) (EAGAIN)",
)
def late_reader(subject: Subject) -> None:
    """Check that the room keeps what it owes."""
    with room(subject, 2) as (sender, reader), slow(subject) as late:
        wait_until_all_receive([sender, reader, late])
        sent = send_pieces(sender, reader, MOST_OWED_BYTES - PIECE_BYTES)
        expect_message(late, sent, "a member that read late")


@item(
    "leaving",
    rule="the other members stay, however one leaves",
    sent="four of six members leave, by close, reset, close with unread bytes and shutdown; then a new one comes",
    hint="recv on a client that has left returns no bytes, or raises ECONNRESET; send raises EPIPE. Do you still "
    "write to a member that has left?",
    man="recv(2), send(2) (EPIPE), tcp(7)",
)
def leaving(subject: Subject) -> None:
    """Test members that come and go."""
    with room(subject, 6) as (stays, too, closes, resets, unread, ends):
        closes.close()
        resets.sendall(b"bye")
        reset(resets)
        time.sleep(0.1)  # the room has nothing to send to them: recv has to find out
        stays.sendall(b"?")
        time.sleep(0.1)  # the byte has arrived unread: the close becomes a reset (RFC 2525, 2.17)
        unread.close()
        ends.shutdown(socket.SHUT_WR)
        with connect(subject) as new:
            wait_until_all_receive([stays, too, new])
            wait_until_all_receive([new, too, stays])
