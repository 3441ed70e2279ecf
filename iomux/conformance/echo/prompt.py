"""The item of a lone client's answers: nobody holds them back, neither the kernel at the server's wish nor a sleep.

TCP may wait before it sends a small segment: with Nagle's algorithm (RFC 896) until the one before is acknowledged,
which the other end delays by 40 ms (RFC 1122, 4.2.3.2); after MSG_MORE or TCP_CORK 200 ms for more bytes (tcp(7)). Each
costs milliseconds an answer while the machine idles, and loses no byte.

No time is judged. While an answer is due, the kernel is asked what it knows of the server's socket (sock_diag(7)): the
same bytes twice, 20 ms apart, written and not sent, were held back for these 20 ms, however slow this process or the
machine is; nothing on its way tells MSG_MORE from Nagle. A request that twice lies unread while each thread of the
server sleeps, and none has gone to sleep since it was sent, has woken nobody: the server asks at intervals. A server
that is slow because it computes, waits for a core or for something of its own, a database, say, shows neither. If it
does so after its answer, the next request finds it there: where there is a doubt, that comes when it would be over.
"""

import contextlib
import select
import socket
import time
from collections import Counter
from dataclasses import dataclass, field

from iomux.conformance.trial.clients import ask, compare, connect, message
from iomux.conformance.trial.items import item, warm_up
from iomux.conformance.trial.patience import out_of_patience
from iomux.conformance.trial.rest import all_asleep, naps
from iomux.conformance.trial.subject import Fault, NotSeen, NotSeenHere, Subject, pids, use_at_rest
from iomux.system.sock_diag.other_end import Connection, missing, other_end

_BYTES = 64
_WARM_UP = 4  # a connection's first segments are acknowledged at once (net/ipv4/tcp_input.c, tcp_enter_quickack_mode)
_LEAST, _MOST, _SECONDS = 9, 2000, 4.0
_MORE_SECONDS = 15.0  # if there was a trace of it, and too few proofs: on a busy machine the kernel is asked too seldom
_PROMPT_SECONDS = 0.0015
_HELD_SECONDS = 0.02  # half of the shortest delay of an acknowledgement (TCP_DELACK_MIN)
_PROOFS = 4  # so many answers must have been held back: once is chance, and no lasting harm
_SAMPLE_SECONDS, _REST_SECONDS = 0.0004, 0.02
_POLLS_A_SECOND = 30.0  # more than a Java machine's own 20
_LEFT_OVER = 3  # as long as the longest answer so far took, so many times
_LATE = "a lone client's answers are held back: "
_WORDS = {
    "nagle": "the server sent them in parts, and the kernel kept a part until the client had acknowledged the one "
    "before (Nagle's algorithm and the delayed acknowledgement, 40 ms)",
    "cork": "the server had sent them, nothing was on its way, and the kernel waited for more (MSG_MORE or TCP_CORK, "
    "200 ms)",
    "unread": "its request lies unread while every thread of the server sleeps: nothing has woken it",
}


@item(
    "prompt",
    points=1,
    rule="a lone client's small request is answered at once",
    sent="one client sends 64 bytes, and again as soon as they are answered; meanwhile the kernel is asked what lies "
    "in the server's socket",
    hint="An answer in two sends needs TCP_NODELAY, or becomes one send. MSG_MORE and TCP_CORK promise that more "
    "follows: send the last part without. And a server that sleeps for a fixed time, and then asks who has sent "
    "something, is late by that time: sleep in the call that a request ends.",
    man="tcp(7) (TCP_NODELAY, TCP_CORK), send(2) (MSG_MORE), poll(2)",
)
def prompt(subject: Subject) -> None:
    """Check that what delays an answer is not a wait that the server has asked for."""
    seen = _Seen()
    with connect(subject) as client:
        with warm_up("echoes"):
            for _ in range(_WARM_UP):
                ask(client, message(_BYTES))
        server = pids(subject) if subject.pid is not None else []  # now: a process may have been made for this client
        began = time.monotonic()
        while not seen.enough(time.monotonic() - began):
            time.sleep(seen.pause)
            seen.add(_answer(client, server, _naps(server) if seen.doubtful else None), subject)
    if seen.mostly_late:
        _say_what_hides_why(seen.polls or _polls(subject))


def _say_what_hides_why(polls: bool) -> None:
    """Answers came late, and nothing proved why: that is no fault, unless the proof could not be had.

    Who asks at intervals leaves requests unread for a time that a busy machine, which looks too seldom, can't see.
    """
    if reason := missing():
        raise NotSeenHere(f"answers came late, and why can't be told here: {reason}")
    if polls:
        raise NotSeenHere("this machine was too busy to tell why answers came late: the server wakes at intervals")


@dataclass
class _Watch:
    """What was seen while one answer was due."""

    server: list[int]
    """Its processes; none if they are not known."""
    naps_before: dict[str, int] | None = None
    """How often each thread had gone to sleep before the request; None: this was not looked at."""
    took: float = 0.0
    proofs: set[str] = field(default_factory=set)
    _held: Connection | None = None
    _held_since: float = 0.0
    _unread_since: float = 0.0

    def sample(self, client: socket.socket) -> None:
        """Ask the kernel once. Spans are from after a first answer to before a later one: at least so long."""
        now = time.monotonic()
        end = other_end(client)
        if end is None:
            return
        self._unsent(end, now)
        self._unread(client, end, now)

    def _unsent(self, end: Connection, now: float) -> None:
        before = self._held
        if not end.unsent or before is None or (before.written, before.unsent) != (end.written, end.unsent):
            self._held, self._held_since = end, time.monotonic()
        elif now - self._held_since > _HELD_SECONDS:
            self.proofs.add("nagle" if before.unacked else "cork")

    def _unread(self, client: socket.socket, end: Connection, now: float) -> None:
        if not (end.unread and all_asleep(self.server) and (again := other_end(client)) and again.unread == end.unread):
            self._unread_since = 0.0
        elif not self._unread_since:
            self._unread_since = time.monotonic()
        elif now - self._unread_since > _PROMPT_SECONDS and self.naps_before in (None, naps(self.server)):
            self.proofs.add("unread")


@dataclass
class _Seen:
    """What the answers so far have shown."""

    answers: int = 0
    late: int = 0
    proofs: Counter[str] = field(default_factory=Counter)
    polls: bool = False
    """Whether the server was seen to wake at intervals while nobody sends."""
    doubtful: bool = False
    """Whether a request was unread although it was not: only one that no nap interrupts counts from then on."""

    pause: float = 0.0
    """Before the next request, in seconds: what the last one left to do is done then."""

    @property
    def mostly_late(self) -> bool:
        return 2 * self.late >= self.answers

    def add(self, watch: _Watch, subject: Subject) -> None:
        """Count one more answer. Raises Fault as soon as enough of them prove the same cause."""
        if "unread" in watch.proofs and not self.doubtful and not self.polls:
            self.polls = _polls(subject)
            self.doubtful = not self.polls
            watch.proofs.remove("unread")
        self.answers += 1
        self.pause = max(self.pause, _LEFT_OVER * watch.took) if self.doubtful else 0.0
        self.late += watch.took > _PROMPT_SECONDS
        self.proofs.update(watch.proofs)
        for why, count in self.proofs.items():
            if count >= _PROOFS:
                raise Fault(_LATE + _WORDS[why], answers=self.answers, held_back=count, last_seconds=watch.took)

    def enough(self, spent: float) -> bool:
        """Whether to stop after so many seconds: the more answers are late, the more of them may prove why."""
        most = _MORE_SECONDS if self.proofs or self.polls else _SECONDS
        told = self.answers > _LEAST and not self.mostly_late
        return told or spent > most or self.answers >= _MOST


def _answer(client: socket.socket, server: list[int], naps_before: dict[str, int] | None) -> _Watch:
    """Ask once, and watch the server's socket until the answer is here. Raises Fault if it does not come."""
    watch, sent, got, how = _Watch(server, naps_before), message(_BYTES), b"", "nothing more came"
    can_ask = not missing()
    began = last = time.monotonic()
    client.sendall(sent)
    while len(got) < len(sent) and not out_of_patience(last):
        # A wait of select may be shorter than the millisecond that poll and epoll count in.
        if select.select([client], [], [], _SAMPLE_SECONDS)[0]:
            if not (piece := client.recv(len(sent) - len(got))):
                how = "the connection was closed"
                break
            got, last = got + piece, time.monotonic()
        elif can_ask:
            watch.sample(client)
    watch.took = time.monotonic() - began
    with warm_up("echoes"):
        compare(sent, got, how, "the client")
    return watch


def _polls(subject: Subject) -> bool:
    """Whether it wakes so often, although nobody sends, that its naps are too short to be watched one by one."""
    with contextlib.suppress(NotSeen):
        return use_at_rest(subject).wake_ups > _POLLS_A_SECOND
    return False


def _naps(server: list[int]) -> dict[str, int]:
    """How often each thread has gone to sleep so far, as soon as all of them sleep."""
    until = time.monotonic() + _REST_SECONDS
    while not all_asleep(server) and time.monotonic() < until:
        pass  # a nap may be as short as two milliseconds
    return naps(server)
