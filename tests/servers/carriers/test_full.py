"""Who is let go when descriptors run short, on servers that can set alarms: also when newcomers reuse low numbers."""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from iomux.servers.carriers import clients as carried
from iomux.servers.carriers.clients import Clients
from iomux.servers.protocol import Speaks
from tests.support.talk import Talk

LIMIT, FIRST = 20, 3


class Idle:
    """A client that is idle, and leaves as soon as it is let go."""

    def __init__(self, fd: int, clients: Clients, left: list[int]) -> None:
        self.talk: Any = SimpleNamespace(due=math.inf, idle=True, drop=lambda: None)
        self.since = float(fd)
        self._fd, self._clients, self._left = fd, clients, left

    def wake(self) -> None:
        del self._clients.at[self._fd]
        self._left.append(self._fd)

    def late(self) -> None:
        raise AssertionError("nothing is due")


def test_idle_ones_are_let_go_again_when_newcomers_have_their_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried, "descriptor_limit", lambda: LIMIT)
    alarms, left = list[Callable[[], None]](), list[int]()
    clients = Clients(Speaks(Talk()), lambda seconds, call: alarms.append(call))

    def come(fd: int) -> None:
        clients.admit(fd, Idle(fd, clients, left))
        while alarms:
            alarms.pop()()

    newcomers = iter(range(FIRST, LIMIT))
    while not left:
        come(next(newcomers))
    gone = tuple(left)
    for fd in gone:  # the kernel gives the lowest number that is free
        come(fd)
    assert len(left) > len(gone)
