"""Items of a chat room about members that do not read, or are gone: they harm themselves at most, and cost little."""

from iomux.conformance.chat.room import MOST_OWED_BYTES, gather, hear, item, room, slow, talk
from iomux.conformance.trial.clients import MIB, connect, eventually, receive
from iomux.conformance.trial.subject import Fault, Subject, asleep_at_first, busy, descriptors, rss_bytes
from iomux.system.sockets import reset

_MOST_GROWTH = 16 * MIB
_VISITS = 200
_SPARE_DESCRIPTORS = 4


@item(
    "slow-reader",
    asks="a member that does not read holds up nobody",
    sent="16 MiB are said; one member hears each piece, another one never reads",
    hint="Where does your room wait until the slow one's bytes are taken? While it waits there, it serves nobody; and "
    "who stops reading from the speaker stops the speaker.",
    man="send(2), fcntl(2) (O_NONBLOCK)",
)
def slow_reader(subject: Subject) -> None:
    """The others go on."""
    with room(subject, 2) as (speaker, listener), slow(subject) as late:
        gather([speaker, listener, late])
        talk(speaker, listener, 16 * MIB)


@item(
    "memory",
    asks="a member that does not read costs bounded memory",
    sent="48 MiB are said, and one member never reads",
    hint="What a member has not taken you keep, and that grows with all that others say. How much is enough, and what "
    "then?",
    man="send(2), malloc(3)",
)
def memory(subject: Subject) -> None:
    """No more than the rule says is kept."""
    with room(subject, 2) as (speaker, listener), slow(subject) as late:
        gather([speaker, listener, late])
        talk(speaker, listener, MIB)
        before = rss_bytes(subject)
        talk(speaker, listener, 48 * MIB)
        if (grown := rss_bytes(subject) - before) > _MOST_GROWTH:
            raise Fault("the room's memory grew by more than 16 MiB", grown_bytes=grown)


@item(
    "let-go",
    asks="a member that falls behind too far is let go, and has heard all up to then",
    sent="16 MiB are said, and only then one member begins to read",
    hint="Bytes from the middle can't be left out: whoever hears the rest would take it for the whole. An end is "
    "honest.",
    man="close(2), shutdown(2)",
)
def let_go(subject: Subject) -> None:
    """An unbroken beginning, and an end."""
    with room(subject, 2) as (speaker, listener), slow(subject) as late:
        gather([speaker, listener, late])
        said = talk(speaker, listener, 16 * MIB)
        got, how = receive(late, len(said))
        if not said.startswith(got):
            raise Fault("a slow member heard the end without the middle", bytes_heard=len(got))
        if how == "nothing more came":
            raise Fault("a slow member was neither told all nor let go: it waits for ever", bytes_heard=len(got))


@item(
    "mid-reset",
    asks="a member that resets while it is owed bytes takes nobody along",
    sent="three times: 1 MiB is said, which one member does not read before it resets",
    hint="You had something left to send when it went away. What does send say then, and what of the bytes you kept?",
    man="send(2) (EPIPE), poll(2) (POLLHUP)",
)
def mid_reset(subject: Subject) -> None:
    """A reset with bytes under way."""
    with room(subject, 2) as (speaker, listener):
        for _ in range(3):
            late = slow(subject)
            gather([speaker, listener, late])
            talk(speaker, listener, MOST_OWED_BYTES // 2)
            reset(late)
        talk(speaker, listener, MOST_OWED_BYTES)


@item(
    "silent",
    asks="while nobody speaks the room sleeps, also when somebody is owed bytes or has left",
    sent="five members; 512 KiB are said, which one does not read; one leaves with a reset; then silence",
    hint="A socket is writable nearly always, and one whose client has left is readable for ever. Whom do you still "
    "ask, and for what?",
    man="poll(2) (POLLOUT, POLLHUP), select(2)",
)
def silent(subject: Subject) -> None:
    """Nothing to do, nothing done."""
    asleep_at_first(subject)
    with room(subject, 4) as (speaker, listener, _, leaver), slow(subject) as late:
        gather([speaker, listener, late])
        talk(speaker, listener, MOST_OWED_BYTES // 2)
        reset(leaver)
        if busy(subject):
            raise Fault("nobody speaks, and the room never sleeps")


@item(
    "leaks",
    asks="members that come and go leave no descriptor behind",
    sent="200 visitors, one after the other, each of whom is heard; every other leaves with a reset",
    hint="For each member you keep a socket and what it is owed. Which of them is still there on each way out?",
    man="close(2)",
)
def leaks(subject: Subject) -> None:
    """Comings and goings."""
    with connect(subject) as host:
        before = 0
        for number in range(_VISITS):
            visitor = connect(subject)
            visitor.sendall(b"hello")
            hear(host, b"hello", "a member")
            reset(visitor) if number % 2 else visitor.close()
            before = before or descriptors(subject)
        if not eventually(lambda: descriptors(subject) <= before + _SPARE_DESCRIPTORS):
            raise Fault("descriptors of members that have left stay open", more=descriptors(subject) - before)
