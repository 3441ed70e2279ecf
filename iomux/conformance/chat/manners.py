"""What a room does by its own rules: it greets, tells who has joined, asks for a name, or passes on whole lines.

None of this is wrong, and the items are tried with it (`room.meet`). It is found out once, for the report to name it. A
room that tells who has *left* can't be tried: it does so at any moment, and its bytes can't be told from a member's.
"""

import contextlib
import socket
import time
from dataclasses import dataclass

from iomux.conformance.chat.room import UNHEARD, guests, hear_some, meet, utter
from iomux.conformance.chat.talk import hear
from iomux.conformance.trial.clients import connect, send_all
from iomux.conformance.trial.patience import out_of_patience, ready
from iomux.conformance.trial.subject import Fault, Subject

_QUIET_SECONDS = 0.3
_LINE_SECONDS = 1.0
_NEXT_LINE_SECONDS = 0.1
_MOST_SHOWN = 40


@dataclass(frozen=True)
class Manners:
    """The rules of its own that a room has."""

    greeting: bytes = b""
    """What a new member gets unasked."""
    joining: bytes = b""
    """What the others get when one joins."""
    leaving: bytes = b""
    """What the others get when one leaves."""
    in_lines: bool = False
    """Nothing is passed on before a newline."""
    takes_first_words: bool = False
    """What a member says first is not passed on: it may be the name that it was asked for."""

    def notes(self) -> tuple[str, ...]:
        """One line for each rule with which the items were tried; none for a room that only passes on."""
        found = {
            f"unasked bytes came first ({_shown(self.greeting)}): the items were tried after them": self.greeting,
            f"the room tells who joins ({_shown(self.joining)}): the items were tried after that": self.joining,
            "nothing is passed on before a newline: the items were tried with lines of at most 1 KiB": self.in_lines,
            "what a member says first is not passed on: the items were tried after that": self.takes_first_words,
        }
        return tuple(note for note, is_so in found.items() if is_so)

    def refusal(self) -> str:
        """Why it can't be tried, and how to make it fit; empty if it can."""
        if not self.leaving:
            return ""
        return (
            f"the room tells who leaves ({_shown(self.leaving)}), at any moment, and that can't be told from what the "
            "members say. To have it checked, leave out what it says by itself: pass on what is received, no more."
        )


def _shown(data: bytes) -> str:
    """The beginning of unasked bytes, as a quoted text."""
    return repr(data[:_MOST_SHOWN].decode(errors="backslashreplace").strip())


def find_manners(subject: Subject) -> Manners:
    """Find out which rules of its own a room has; none if it passes nothing on: that is the item passes-on's to say."""
    with contextlib.suppress(Fault, OSError), guests(subject, 2) as (host, stays):
        greeting, joining = _unasked(host, stays)
        in_lines = speaks_in_lines(stays, [host])
        with connect(subject) as leaves:
            lost, _ = first_heard(leaves, host)
            meet([host, stays, leaves])
            meet([leaves, host, stays])
            leaves.shutdown(socket.SHUT_RDWR)
        return Manners(greeting, joining, _heard_until_quiet(host), in_lines, lost > 0)
    return Manners()


def _unasked(host: socket.socket, newcomer: socket.socket) -> tuple[bytes, bytes]:
    """What a newcomer got unasked, and what one who was there before has got besides."""
    (greeting,) = meet([host, newcomer])
    (both,) = meet([newcomer, host])
    return greeting, both.removeprefix(greeting)


def first_heard(newcomer: socket.socket, listener: socket.socket) -> tuple[int, bytes]:
    """Which of a newcomer's lines is the first that is heard: 0 if none before it was lost; and what came before it.

    It says one line after another until one is heard. A room that is slow passes on all of them, in their order, so
    the answer does not depend on how fast it is. Raises Fault if nothing is heard.
    """
    said, heard, moved = list[bytes](), b"", time.monotonic()
    while not (found := [number for number, line in enumerate(said) if line in heard]):
        if out_of_patience(moved):
            raise Fault(UNHEARD)
        said.append(b"this is my line %d\n" % len(said))
        utter(newcomer, said[-1])
        if ready([listener], seconds=_NEXT_LINE_SECONDS)[0]:
            heard, moved = heard + hear_some(listener, 4096), time.monotonic()
    return found[0], heard.partition(said[found[0]])[0]


def _heard_until_quiet(member: socket.socket) -> bytes:
    heard = b""
    while ready([member], seconds=_QUIET_SECONDS)[0] and (data := member.recv(4096)):
        heard += data
    return heard


def speaks_in_lines(speaker: socket.socket, listeners: list[socket.socket]) -> bool:
    """Whether a byte is passed on only when its line has ended. Raises Fault if it is not even then.

    In doubt, on a machine that is too busy to pass on a byte within a second, it is taken for a room of lines, and is
    tried with lines: that is no accusation.
    """
    send_all(speaker, b"?")
    if ready(listeners, seconds=_LINE_SECONDS)[0]:
        rest, in_lines = b"?", False
    else:
        send_all(speaker, b"\n")
        rest, in_lines = b"?\n", True
    for listener in listeners:
        if how := hear(listener, rest):
            raise Fault(f"a member {how}")
    return in_lines
