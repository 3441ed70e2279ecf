"""Items of a chat room about what is said: all others hear it, whole and in order, whoever comes and goes."""

import contextlib
import socket
import string
import time

from iomux.conformance.chat.room import MOST_OWED_BYTES, PIECE_BYTES, gather, hear, item, room, slow, talk, words
from iomux.conformance.trial.clients import compare, connect, receive, sending
from iomux.conformance.trial.subject import Fault, Subject
from iomux.system.sockets import reset


@item(
    "passes-on",
    points=20,
    asks="what one member says, all the others hear",
    sent="three members; each in turn says 1, 1,000 and 60,000 bytes",
    hint="Follow one word by hand: who reads it from its speaker's socket, and on whose sockets is it then written?",
    man="recv(2), send(2)",
)
def passes_on(subject: Subject) -> None:
    """The least that a chat room does."""
    with room(subject, 3) as members:
        for speaker in members:
            for size in (1, 1000, 60_000):
                speaker.sendall(words(size))
                for other in members:
                    if other is not speaker:
                        hear(other, words(size), "a member")


@item(
    "not-to-sender",
    asks="nothing comes back to its sender",
    sent="two members; one says three things, and listens",
    hint="Who is left out when you go through the list of members?",
    man="send(2)",
)
def not_to_sender(subject: Subject) -> None:
    """No echo."""
    with room(subject, 2) as (speaker, other):
        for word in (b"one", b"two", b"three"):
            speaker.sendall(word)
            hear(other, word, "the other member")
        speaker.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            came = speaker.recv(100)
            raise Fault("a member heard its own words" if came else "a member was sent away while it spoke")


@item(
    "in-order",
    asks="each speaker's bytes are heard whole and in their order, also when two speak at once",
    sent="two members say 200,000 bytes each at the same time, a third one listens",
    hint="Two speakers may be mixed, one may not be mixed up with itself. Does anything overtake what you still owe?",
    man="tcp(7), send(2)",
)
def in_order(subject: Subject) -> None:
    """Two streams into one, each kept in order."""
    low, high = (words(200_000, letters) for letters in (string.ascii_lowercase, string.ascii_uppercase))
    with room(subject, 3) as (one, two, listener), sending(one, low), sending(two, high):
        got, how = receive(listener, len(low) + len(high))
        for said, letters in ((low, string.ascii_lowercase), (high, string.ascii_uppercase)):
            compare(said, bytes(byte for byte in got if chr(byte) in letters), how or "others came", "a listener")


@item(
    "late-reader",
    asks="a member that reads late hears every byte of the first mebibyte",
    sent="just under 1 MiB is said in 128 KiB pieces, heard by one at once, by another only later",
    hint="send takes what fits, and says how much that was: the rest is yours to keep, for each listener by itself.",
    man="send(2) (EAGAIN)",
)
def late_reader(subject: Subject) -> None:
    """What is owed is kept."""
    with room(subject, 2) as (speaker, listener), slow(subject) as late:
        gather([speaker, listener, late])
        said = talk(speaker, listener, MOST_OWED_BYTES - PIECE_BYTES)
        hear(late, said, "a member that read late")


@item(
    "leaving",
    asks="who leaves, in whatever way, takes nobody along",
    sent="six members; four leave: closed, reset, closed with bytes unread, ended by shutdown; then a new one comes",
    hint="recv on a client that has left returns no bytes, or raises ECONNRESET; send raises EPIPE. And whom do you "
    "still write to who has gone?",
    man="recv(2), send(2) (EPIPE), tcp(7)",
)
def leaving(subject: Subject) -> None:
    """Members come and go."""
    with room(subject, 6) as (stays, too, closes, resets, unread, ends):
        closes.close()
        resets.sendall(b"bye")
        reset(resets)
        time.sleep(0.1)  # with nothing to send to them: recv is to find out
        stays.sendall(b"?")
        time.sleep(0.1)  # the word is there, and it has not read it: its close is a reset (RFC 2525, 2.17)
        unread.close()
        ends.shutdown(socket.SHUT_WR)
        with connect(subject) as new:
            gather([stays, too, new])
            gather([new, too, stays])
