"""The clients of a loop that can set alarms, with alarms that ring when the test lets them."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from iomux.servers.carriers import clients
from iomux.servers.carriers.clients import Carried, Clients
from iomux.servers.protocol import NEVER, Speaks
from tests.support.talk import Talk

LONG = 1000.0


class Alarms(list[tuple[float, Callable[[], None]]]):
    """The alarms that were set, each with its seconds."""

    def set(self, seconds: float, call: Callable[[], None]) -> None:
        self.append((seconds, call))

    def ring(self) -> None:
        self.pop(0)[1]()


class Client:
    """A client with a deadline, that counts how often it was late."""

    def __init__(self, due: float, idle: bool = True) -> None:
        self.dropped: list[bool] = []
        self.talk = SimpleNamespace(due=due, idle=idle, drop=lambda: self.dropped.append(True))
        self.since = time.monotonic()
        self.lates = self.woken = 0

    def late(self) -> None:
        self.lates += 1
        self.talk.due = NEVER

    def wake(self) -> None:
        self.woken += 1


def admitted(loop: Clients, fd: int, due: float, idle: bool = True) -> Client:
    client = Client(due, idle)
    loop.admit(fd, cast(Carried, client))
    return client


def test_a_client_is_late_when_its_deadline_has_come_and_not_when_it_has_moved() -> None:
    alarms = Alarms()
    loop = Clients(Speaks(Talk()), alarms.set)
    late, moved = (admitted(loop, fd, time.monotonic() - 1) for fd in (7, 8))
    moved.talk.due = time.monotonic() + LONG
    alarms.ring()
    assert (late.lates, moved.lates) == (1, 0)
    assert LONG - 100 < alarms.pop()[0] <= LONG


def test_an_alarm_that_comes_too_early_sets_the_next() -> None:
    alarms = Alarms()
    client = admitted(Clients(Speaks(Talk()), alarms.set), 7, time.monotonic() + LONG)
    for _ in range(3):
        alarms.ring()
        assert len(alarms) == 1
    assert client.lates == 0


def test_an_earlier_deadline_sets_an_alarm_and_a_later_one_sets_none() -> None:
    alarms = Alarms()
    loop = Clients(Speaks(Talk()), alarms.set)
    client = admitted(loop, 7, time.monotonic() + LONG)
    client.talk.due += LONG
    loop.note(7)
    assert len(alarms) == 1
    client.talk.due = time.monotonic() + 1
    loop.note(7)
    assert len(alarms) == 2


def test_what_belongs_to_no_client_is_done_when_it_is_due() -> None:
    alarms, talk = Alarms(), Talk()
    loop = Clients(Speaks(talk), alarms.set)
    admitted(loop, 7, NEVER)
    assert not alarms
    talk.due = time.monotonic() - 1
    loop.note(7)
    alarms.ring()
    assert talk.due == NEVER


def test_idle_clients_are_let_go_as_soon_as_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "descriptor_limit", lambda: 16)
    alarms: Any = Alarms()
    loop = Clients(Speaks(Talk()), alarms.set)
    busy = [admitted(loop, fd, NEVER, idle=False) for fd in range(5, 9)]
    assert not any(client.dropped for client in busy)
    busy[1].talk.idle = True
    time.sleep(0.001)  # all are looked at again only after a while
    alarms.ring()
    assert [len(client.dropped) for client in busy] == [0, 1, 0, 0]
    assert busy[1].woken == 1
    assert not alarms


def test_idle_ones_are_let_go_again_when_newcomers_have_their_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "descriptor_limit", lambda: 16)
    alarms: Any = Alarms()
    loop = Clients(Speaks(Talk()), alarms.set)
    first = {fd: admitted(loop, fd, NEVER) for fd in range(5, 9)}
    gone = [fd for fd, client in first.items() if client.dropped]
    assert gone
    for fd in gone:
        del loop.at[fd]
    time.sleep(0.001)  # all are looked at again only after a while
    for fd in gone:  # the kernel gives the lowest number that is free
        admitted(loop, fd, NEVER)
    assert [fd for fd, client in first.items() if client.dropped] > gone


def test_while_nobody_is_idle_there_is_one_look_to_come_however_many_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "descriptor_limit", lambda: 16)
    alarms: Any = Alarms()
    loop = Clients(Speaks(Talk()), alarms.set)
    for fd in range(5, 15):
        admitted(loop, fd, NEVER, idle=False)
    assert len(alarms) == 1
    alarms.ring()
    assert len(alarms) == 1
