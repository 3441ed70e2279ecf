"""A client has its first turn when it is accepted, before it is watched; and how many are accepted at once."""

import contextlib
import select
import socket
from collections.abc import Iterator

import pytest

import iomux
from iomux.servers.connection import READ, WRITE
from iomux.servers.protocol import Say, Speaks
from iomux.servers.protocol.speakers import WATCHED_AT_ONCE
from iomux.servers.readiness import MOST_NEWCOMERS, Clients
from tests.support.clients import connect, receive, receive_all
from tests.support.talk import Talk, Talker


class Noting:
    """A poller of the system that notes what it is told to watch."""

    def __init__(self) -> None:
        self.watched: list[int] = []
        self._poll = select.poll()
        self.modify, self.unregister, self.poll = self._poll.modify, self._poll.unregister, self._poll.poll

    def register(self, fd: int, events: int, /) -> None:
        self.watched.append(events)
        self._poll.register(fd, events)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with iomux.listen() as opened:
        yield opened


@pytest.fixture
def poller() -> Noting:
    return Noting()


@pytest.fixture
def clients(listener: socket.socket, poller: Noting) -> Clients:
    made = Clients(listener, Speaks(Talk()), poller, unit=1000)
    poller.watched.clear()  # the listener
    return made


def test_who_asks_once_and_leaves_is_never_watched(listener: socket.socket, poller: Noting, clients: Clients) -> None:
    with connect(listener.getsockname()) as newcomer:
        newcomer.sendall(b"part 7\n")
        clients.accept()
        assert receive_all(newcomer) == bytes(7)
    assert (poller.watched, clients.connections, list(clients.turns)) == ([], {}, [listener.fileno()])


@pytest.mark.parametrize(
    ("said", "answer", "interest"), [(b"", b"", READ), (b"n\n", b"1\n", READ), (b"many 900 65536\n", bytes(9), WRITE)]
)
def test_who_stays_is_watched_for_what_it_waits_for_after_its_first_turn(
    listener: socket.socket, poller: Noting, clients: Clients, said: bytes, answer: bytes, interest: int
) -> None:
    with connect(listener.getsockname()) as newcomer:
        newcomer.sendall(said)
        clients.accept()
        assert receive(newcomer, len(answer)) == answer
        assert poller.watched == [interest]
        clients.close(next(iter(clients.connections)))


def test_after_one_that_came_without_a_question_the_next_ones_are_watched_at_once(
    listener: socket.socket, poller: Noting, clients: Clients
) -> None:
    with contextlib.ExitStack() as crowd:
        crowd.enter_context(connect(listener.getsockname()))
        for _ in range(WATCHED_AT_ONCE + 1):
            crowd.enter_context(connect(listener.getsockname())).sendall(b"part 7\n")
        clients.accept()
        assert poller.watched == [READ] * (1 + WATCHED_AT_ONCE)  # who came last has left
        for fd in list(clients.connections):
            clients.close(fd)


def test_a_crowd_of_newcomers_is_accepted_in_several_turns(listener: socket.socket, clients: Clients) -> None:
    with contextlib.ExitStack() as crowd:
        for _ in range(MOST_NEWCOMERS + 5):
            crowd.enter_context(connect(listener.getsockname()))
        for accepted in (MOST_NEWCOMERS, MOST_NEWCOMERS + 5):
            clients.accept()
            assert len(clients.connections) == accepted
        for fd in list(clients.connections):
            clients.close(fd)


class Farewell(Talk):
    """Its clients are told when another one is gone."""

    def __call__(self, now: float, say: Say) -> Talker:
        talker = Leaver(self, say)
        self.members.append(talker)
        return talker


class Leaver(Talker):
    """One of them."""

    def gone(self) -> None:
        super().gone()
        for member in self.talk.members:
            member.say(b"gone\n")


@pytest.mark.parametrize("name", iomux.choose("select", "poll", "epoll", "epoll-et"))
def test_what_is_said_when_a_client_is_gone_is_sent_though_nothing_is_due(name: str) -> None:
    with iomux.start(name, protocol=Farewell()) as server, connect(server.address) as stays:
        with connect(server.address) as leaves:
            leaves.sendall(b"part 1\n")
            assert receive_all(leaves) == bytes(1)
        assert receive(stays, 5) == b"gone\n"
