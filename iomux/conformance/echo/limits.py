"""Items about the limits of a process, above all its descriptors, and about how it ends."""

import socket
import time
from typing import NoReturn

from iomux.conformance.echo.causes import FD_SETSIZE, descriptor_of, why_it_waits
from iomux.conformance.trial.clients import ask, connect, crowd, eventually, pressing, receive, still_serves
from iomux.conformance.trial.ending import lives_on
from iomux.conformance.trial.items import ONE_AT_A_TIME, item, under_pressure, warm_up
from iomux.conformance.trial.limits import (
    at_its_limit,
    descriptors_of_first,
    ends_by_ctrl_c,
    limit_descriptors,
    listens,
    raise_descriptors,
)
from iomux.conformance.trial.patience import at_work, busy_printing
from iomux.conformance.trial.subject import (
    PATIENCE,
    RAISE_THE_LIMIT,
    Fault,
    NotSeen,
    NotSeenHere,
    Subject,
    busy,
    settled,
)
from iomux.conformance.trial.transfer import on_a_busy_machine

_ROOM = 14  # more descriptors that the server may open
_TOO_MANY = 60
_PAST, _FEW = 1100, 100
_DESCRIPTORS_EACH = 4  # a client's socket, and perhaps a pipe's two, or those of a connection to a backend
_MORE_SECONDS, _PRINTING_SECONDS = 15.0, 60.0

_PRINTS = "this machine is too busy to tell whether it ever comes to rest at the limit: it prints much"
"""asyncio's has a traceback for each place of the backlog, and then sleeps for the rest of a second."""


def _answered(client: socket.socket) -> str:
    """Send a byte: "answered", "refused" (closed or reset), or "left waiting"."""
    try:
        client.sendall(b"?")
        got, how = receive(client, 1)
    except ConnectionError:
        return "refused"
    return "answered" if got == b"?" else "left waiting" if how == "nothing more came" else "refused"


@item(
    "descriptor-limit",
    points=2,
    rule="out of descriptors, the server serves its clients, and accepts new ones later",
    sent="10 clients are served; with 14 descriptors left 60 more come, the 10 send again, all leave, a new one comes",
    hint="accept fails with EMFILE, and the waiting clients stay in the backlog. That is no reason to end, nor to call "
    "accept again and again: until a descriptor is free, it fails each time.",
    man="accept(2) (EMFILE), getrlimit(2)",
    exempt=ONE_AT_A_TIME,
)
def descriptor_limit(subject: Subject) -> None:
    """Check that the server survives EMFILE without spinning, and recovers."""
    with crowd(subject, 10) as inside:
        with warm_up("hundred"):
            for client in inside:
                ask(client, b"in", "one of the first ten")
        limit = descriptors_of_first(subject) + _ROOM  # now: each may have cost it several
        limit_descriptors(subject, limit)
        spun = busy(subject)  # then something other than the limit keeps it awake: see the item silent
        with under_pressure("silence"):  # on a busy machine that look takes seconds, and they are silent no longer
            for client in inside:
                ask(client, b"in", "one of the first ten")
        with pressing(subject, _TOO_MANY):  # for some of them a short backlog has no place: that is the kernel's affair
            settled(subject)
            for client in inside:
                ask(client, b"still in", "at the limit, one of the first ten")
            spins = not spun and busy(subject)
            prints = spins and busy_printing(subject)
    if not _served_again(subject):
        if busy_printing(subject):
            raise NotSeenHere(_PRINTS)
        with warm_up("leaks"):
            if subject.pid is not None and descriptors_of_first(subject) >= limit:
                raise Fault("clients have left, and none of their descriptors is free again")
        raise Fault("descriptors are free again, and a new client is not served")
    if prints:
        raise NotSeenHere(_PRINTS)
    if spins:
        raise Fault("at the limit the server never sleeps: it asks for a descriptor again and again")


def _served_again(subject: Subject) -> bool:
    """Whether a new client is served, at once or after the server has dealt with those who have left.

    One that still works, or waits for a core, is given more time, and still more if it prints on a crowded machine: it
    may have much to say of each that it refused.
    """
    until = time.monotonic() + PATIENCE
    last, very_last = until + _MORE_SECONDS, until + _PRINTING_SECONDS
    while (
        time.monotonic() < until
        or (time.monotonic() < last and at_work(subject))
        or (time.monotonic() < very_last and busy_printing(subject))
    ):
        with connect(subject) as client:
            if _answered(client) == "answered":
                return True
        time.sleep(0.02)
    return False


@item(
    "past-1024",
    points=2,
    rule="clients past descriptor 1,024 are served or refused, not left waiting",
    sent="1,100 clients connect at once, and each sends a byte; then all leave and a new one comes",
    hint="select can't watch a descriptor whose *number* is 1,024 or more: its set of bits has no place for it. Use "
    "another call, or close such a client at once, so that it does not wait.",
    man="select(2) (FD_SETSIZE), accept(2), getrlimit(2) (RLIMIT_NOFILE)",
    exempt=ONE_AT_A_TIME,
)
def past_1024(subject: Subject) -> None:
    """Check that clients past FD_SETSIZE are served or refused."""
    raise_descriptors(subject, _DESCRIPTORS_EACH * _PAST)
    with crowd(subject, _PAST) as clients:
        since = time.monotonic()
        first, how = _first_not_served(clients)
        if first < (FD_SETSIZE * 3 // 4 if how == "left waiting" else _FEW):
            _not_even_some(subject, clients, first, how)
        for client in clients[first:]:
            client.settimeout(1.0)
            if _answered(client) == "left waiting":
                _left_waiting(subject, client, first)
        with on_a_busy_machine(subject, since):  # it has been silent for as long as the others took
            ask(clients[0], b"and I?", "the first of 1,100")
    settled(subject)  # it may have work of its own to do for each of those who have left
    still_serves(subject, "1,100 clients")


def _first_not_served(clients: list[socket.socket]) -> tuple[int, str]:
    """The number of the first client that is not answered, and what became of it; their count if all are."""
    for number, client in enumerate(clients):
        if (how := _answered(client)) != "answered":
            return number, how
    return len(clients), "answered"


def _not_even_some(subject: Subject, clients: list[socket.socket], first: int, how: str) -> NoReturn:
    if first < _FEW and (subject.pid is None or lives_on(subject.pid)):  # it may have ended of so many, all at once
        if how == "left waiting":
            raise NotSeen(f"fewer than {_FEW} clients at once are served: see the item hundred")
        raise NotSeen(f"of {_PAST:,} clients one of the first {_FEW} is sent away: so there is no room for as many")
    _has_descriptors_left(subject)
    hint = why_it_waits(subject, clients[first])
    raise Fault("clients were not served long before the 1,024th", hint, first=first + 1)


def _left_waiting(subject: Subject, client: socket.socket, first: int) -> NoReturn:
    if subject.pid is None:
        raise NotSeen("some wait: how many descriptors the server may open is not known from here")
    _has_descriptors_left(subject)
    hint = why_it_waits(subject, client)
    which = "the thousandth" if hint else "descriptor 1,024"
    seen = f"clients past {which} were neither served nor refused: they wait"
    raise Fault(seen, hint, first=first + 1, descriptor=descriptor_of(subject, client))


def _has_descriptors_left(subject: Subject) -> None:
    """Raise NotSeenHere if it has used up all that it may open: several for each client are no fault."""
    if at_its_limit(subject):
        raise NotSeenHere(f"the server has opened all descriptors that it may for {_PAST:,} clients: {RAISE_THE_LIMIT}")


@item(
    "ctrl-c",
    points=1,
    rule="Ctrl-C ends the server at once, and its port is free again",
    sent="while a client is connected, the server's process gets SIGINT; if it makes its own listener, it is started "
    "again on the same port",
    hint="Ctrl-C arrives as the exception KeyboardInterrupt, wherever the program is. Code that catches everything "
    "catches that too. Python waits for each thread that is not a daemon, and asyncio's serve_forever, from Python "
    "3.12.1 on, until every client has left: await a future instead.",
    man="signal(7); Python: KeyboardInterrupt, threading (daemon), asyncio.Server.wait_closed",
)
def ctrl_c(subject: Subject) -> None:
    """Check that the server ends promptly."""
    with connect(subject) as client:
        ask(client, b"hello")
        ends_by_ctrl_c(subject, "the server")
    if not eventually(lambda: not listens(subject)):
        raise Fault("its process has ended, and something still listens on its port")
