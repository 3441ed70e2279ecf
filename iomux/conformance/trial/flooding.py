"""How fair a server is to other clients while one floods it, counted in bytes and not in time.

The flood has to go on without running dry: a server that reads until EAGAIN would turn to the others when its queue is
empty for a moment, only because we were slow, and look fair. So the kernel's buffers are filled while the server is
stopped, and then it runs on our core, and only while we sleep (see `yielding`): as soon as there is room for more of
the flood, or an answer has come, we are awake and it is not. If the flood ran dry all the same, or its answers jammed
since we were late to read them, the server had to turn to the others: the trial shows nothing and is repeated; if it
always does, the item is not seen. Each trial begins with a server that sleeps and owes nothing: one that still has an
answer to send looks at the others right after that, however greedily it reads. What is bounded is the part of the flood
that is answered before the small requests of others, that wait since before it went on.
"""

import contextlib
import itertools
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from iomux.conformance.trial.clients import CLOSED, MIB, compare
from iomux.conformance.trial.items import warm_up
from iomux.conformance.trial.patience import at_work, ready
from iomux.conformance.trial.subject import PATIENCE, Fault, NotSeenHere, Subject, settled, stopped
from iomux.conformance.trial.transfer import on_a_busy_machine
from iomux.conformance.trial.yielding import only_while_we_sleep
from iomux.system.sock_diag.at_port import Socket, sockets_at

MOST_IN_ONE_TURN = 24 * MIB
"""Thrice the longest turn of a library in use: uvloop makes up to 32 reads of 250 KiB in a row (uv__read). In a second
trial a server may be stopped in the middle of a turn, and then take one whole turn more."""
_ROOM_BYTES, _MOST_BYTES = 8 * MIB, 50 * MIB
_LOOK_SECONDS = 0.02
_WAKE_BYTES = 512 * 1024  # it is cheaper to be woken for each half MiB of answers than for each of them
_JAM_BYTES = _ROOM_BYTES // 2
_TRIALS, _ENOUGH_SECONDS, _AT_MOST_SECONDS = 6, 4.0, 12.0
_MOST_SECONDS, _LEFT_SECONDS, _REST_SECONDS = 25.0, 0.5, 10.0


@dataclass
class Flooder:
    """The client that sends without pause: whole requests, again and again, each with an answer about as long."""

    client: socket.socket
    requests: bytes
    served: str
    """The item that tells whether one client is served that sends much."""
    place: int = 0
    """How much of the requests was sent in the round that is under way."""


@dataclass(frozen=True)
class Turn:
    """What each of the others sends, and the answer that is due."""

    request: bytes
    answer: bytes
    served: str
    """The item that tells whether several clients are served."""


def flood_is_fair(subject: Subject, flooder: Flooder, others: Sequence[socket.socket], turn: Turn) -> None:
    """Raise Fault if others wait for as long as a flood goes on; NotSeenHere if this machine can't tell.

    All of them have been served once. A starving server may be lucky once, if the flood falters, so one trial that
    shows something is not enough; on a busy machine few of them do, so it is tried again for some seconds. There the
    others are silent for longer between two trials, too.
    """
    flooder.client.setblocking(False)
    _make_room(flooder.client)
    began = spoken = time.monotonic()
    shown = 0
    for trial in itertools.count(1):
        try:
            _let_it_rest(subject, flooder)
            with only_while_we_sleep(subject, trial):
                shown += _turned_to_others(subject, flooder, others, turn)
        except Fault as fault:
            closed = fault.detail.get("how") == CLOSED  # by a flood, or by a time limit on the silence before it
            with on_a_busy_machine(subject, spoken) if closed else contextlib.nullcontext():
                raise
        spoken = time.monotonic()
        spent = spoken - began
        if shown > 1 and (spent > _ENOUGH_SECONDS or trial >= _TRIALS):  # it may be lucky once, and starve others
            return
        if spent > _AT_MOST_SECONDS and trial >= _TRIALS:
            raise NotSeenHere("this machine was too busy to tell who is served first: the flood ran dry, or jammed")


def _let_it_rest(subject: Subject, flooder: Flooder) -> None:
    """Read all that the server still answers, until it sleeps; one that is slow is not waited for long."""
    until = time.monotonic() + _REST_SECONDS
    while any(one.unread or one.unsent for one in _ends(subject, flooder.client)) and time.monotonic() < until:
        ready([flooder.client], seconds=_LOOK_SECONDS)
        _read_all(flooder)
    settled(subject)
    _read_all(flooder)


def _turned_to_others(subject: Subject, flooder: Flooder, others: Sequence[socket.socket], turn: Turn) -> bool:
    """Keep a flood going until the others are answered. False if it had run dry or jammed, so that nothing is shown."""
    with stopped(subject):
        _read_what_is_left(subject, flooder)
        _send_all_that_fits(flooder)
        for polite in others:
            polite.sendall(turn.request)
    came, answered, began = dict.fromkeys(others, b""), 0, time.monotonic()
    moved, client, goes_on = began, flooder.client, True
    while waiting := [other for other, got in came.items() if len(got) < len(turn.answer)]:
        readable, writable = ready([*waiting, client], [client], 0.25)
        if set(readable) - {client}:
            goes_on &= _goes_on(subject, client)  # before we send and read more
        _send_all_that_fits(flooder)
        answered += _read_all(flooder)
        for other in set(readable) - {client}:
            came[other] += _read_answer(other, turn)
        moved = time.monotonic() if readable or writable else moved
        if answered > MOST_IN_ONE_TURN:
            raise Fault("the other clients had to wait for as long as the flood went on", bytes_before=answered)
        _look_at_the_clock(subject, began, moved)
    for got in came.values():
        compare(turn.answer, got, "nothing more came", "during a flood another client")
    return goes_on


def _read_what_is_left(subject: Subject, flooder: Flooder) -> None:
    """Read all that the server, which is stopped, has sent of the flood before: it belongs to no turn."""
    until = time.monotonic() + _LEFT_SECONDS
    while True:
        _read_all(flooder)
        left = any(one.unsent for one in _ends(subject, flooder.client) if one.local == subject.address[1])
        if not left or time.monotonic() > until:
            return
        time.sleep(0.001)


def _ends(subject: Subject, client: socket.socket) -> list[Socket]:
    mine = client.getsockname()[1]
    return [one for one in sockets_at(subject.address[1]) if mine in (one.local, one.remote)]


def _goes_on(subject: Subject, client: socket.socket) -> bool:
    """Whether the server could go on with the flood: there are bytes for it to read, and room for its answers."""
    ends, port = _ends(subject, client), subject.address[1]
    dry = not any(one.unread if one.local == port else one.unsent for one in ends)
    return not dry and all(one.local == port or one.unread < _JAM_BYTES for one in ends)


def _look_at_the_clock(subject: Subject, began: float, moved: float) -> None:
    """Raise Fault if the server sleeps and answers nobody, NotSeenHere if it gets no core."""
    now = time.monotonic()
    if now > moved + PATIENCE and not at_work(subject):  # none of its threads: the first one of many always sleeps
        raise Fault("other clients were not answered at all during a flood")
    if now > began + _MOST_SECONDS:
        raise NotSeenHere("this machine was too busy to tell who is served first: the server hardly got a core")


def _read_answer(client: socket.socket, turn: Turn) -> bytes:
    """A part of an answer; NotSeen if the server has ended the connection."""
    with warm_up(turn.served):
        if part := client.recv(len(turn.answer)):
            return part
        raise Fault("during a flood another client's connection was closed", how=CLOSED)


def _read_all(flooder: Flooder) -> int:
    """Read all answers that are there; return how many bytes they were. NotSeen if the flooder was sent away."""
    count = 0
    with warm_up(flooder.served), contextlib.suppress(BlockingIOError):
        while got := len(flooder.client.recv(MIB)):
            count += got
        raise Fault("the client that sends much was closed", how=CLOSED)
    return count


def _send_all_that_fits(flooder: Flooder) -> None:
    """Send as much as fits, always going on where the last piece was cut: a request is never left in its middle."""
    sent, requests = 0, memoryview(flooder.requests)
    with contextlib.suppress(OSError):  # no more fits; or it was closed, which its reader will see
        while sent < _MOST_BYTES:
            piece = flooder.client.send(requests[flooder.place :])
            sent, flooder.place = sent + piece, (flooder.place + piece) % len(requests)


def _make_room(flooder: socket.socket) -> None:
    """Let the kernel hold as much of the flood as it may, and announce a large window for the answers.

    Up to the low-water mark it makes room at once, and the room stays when the mark is lower again (net/ipv4/tcp.c,
    tcp_set_rcvlowat; Linux 4.18). A size of our own for the send buffer is taken only if it is more than the kernel's
    (tcp_wmem, tcp(7); SO_SNDBUF, socket(7)).
    """
    for mark in (_ROOM_BYTES, _WAKE_BYTES):
        flooder.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM_BYTES)
        larger = trial.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= _ROOM_BYTES
    if larger:
        flooder.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM_BYTES)
