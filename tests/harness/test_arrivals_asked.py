"""Which client of the pool sends a planned request, and a generator that falls behind its plan."""

import itertools
import threading
import time
from array import array
from collections import Counter
from random import Random
from typing import Any

import numpy as np
import pytest

import iomux
from iomux.harness.load import generator, plan
from iomux.harness.load.arrivals import planned_ns
from iomux.harness.load.clients import Client, connect
from iomux.harness.load.doubts import doubts
from iomux.servers.connection import Handler
from tests.harness.test_arrivals import SECOND
from tests.harness.test_arrivals import poll as poll
from tests.support.clients import DEADLINE


def sent_by(count: int, plan: "array[int]", server: str = "poll", handler: Handler = iomux.echo) -> list[int]:
    """Carry out a plan of at most 0.2 s; return how many requests each client sent."""
    errors: Counter[str] = Counter()
    sent: list[Client] = []

    class Noting(generator.Generator):
        def _send_planned(self, client: Client) -> None:
            sent.append(client)
            super()._send_planned(client)

    with iomux.start(server, handler=handler) as running:
        clients = connect(running.address, count, 5.0, errors)
        asking = Noting(clients, 64, True, errors)
        begin = generator.perf_ns()
        asking.open_loop(begin, begin + SECOND // 5, plan)
        asking.drain(DEADLINE)
        for client in clients:
            client.sock.close()
    assert not errors
    assert len(asking.response_ns) == len(plan)
    return [sent.count(client) for client in clients]


def test_the_clients_take_turns_while_all_are_free() -> None:
    turns = sent_by(4, planned_ns(100, 0.2, "even", Random()))
    assert sum(turns) == 20
    assert min(turns) >= 3, "five each; on a busy machine one may not be free yet when its turn comes"


def test_a_request_is_not_given_to_a_busy_client_while_another_is_free() -> None:
    number, others_answered = itertools.count(), threading.Event()

    def slow_at_first(data: bytes) -> bytes:
        match next(number):
            case 0:
                others_answered.wait(DEADLINE)
            case 3:
                others_answered.set()
        return data

    assert sent_by(2, planned_ns(20, 0.2, "even", Random()), "threaded", slow_at_first) == [1, 3]


def test_a_burst_of_more_requests_than_clients_waits_in_order() -> None:
    def slow(data: bytes) -> bytes:
        time.sleep(0.002)
        return data

    with iomux.start("poll", handler=slow) as server:
        run = iomux.load(server, connections=2, duration=0.2, warmup=0, rate=1_000, arrivals="even", deadline=10)
    assert run.requests == 200
    assert run.errors == {}
    assert (np.diff(run.response_ns) > -5_000_000).all(), (
        "each waits longer than the one before: first come, first served"
    )
    assert run.max_us > 100_000


class AlwaysAnswered:
    """A poller under which each request is answered at once, as by a server that is quicker than the generator."""

    def __init__(self, clients: list[Client], spare: bool) -> None:
        self._clients, self._spare, self._turn = clients, spare, 0

    def register(self, fd: int, events: int) -> None:
        """Every client is watched."""

    def poll(self, seconds: float) -> list[tuple[int, int]]:
        self._turn += 1
        if self._spare and self._turn % 2:
            return []
        return [(client.sock.fileno(), generator.IN) for client in self._clients if client.payload]


@pytest.mark.parametrize("spare", [False, True])
def test_a_generator_that_falls_behind_without_a_spare_turn_says_what_it_could_send(
    spare: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: Counter[str] = Counter()
    with iomux.start("poll") as server:
        clients = connect(server.address, 4, 5.0, errors)
        poller = AlwaysAnswered(clients, spare)
        monkeypatch.setattr(generator, "quickest_poller", lambda: (poller, poller.poll))
        asking = generator.Generator(clients, 64, True, errors)
        answered: list[Any] = [*clients]
        for client in answered:
            client.recv = lambda _, client=client: client.awaited
            client.send = len
        begin = generator.perf_ns()
        timetable = planned_ns(900_000, 0.05, "even", Random())
        most = plan._exchange(asking, timetable, begin, begin + SECOND // 20)
        for client in clients:
            client.sock.close()
    if spare:
        assert most is None, "it waited for the server"
    else:
        assert most is not None
        assert 0 < most < 0.95 * 900_000


def test_the_doubt_names_the_rate_that_it_could_send() -> None:
    asked = plan.Plan(("127.0.0.1", 1), 1, 1, 64, 1.0, 0.0, 300_000.0, 1.0, None, True, "even")
    seen: dict[str, Any] = {"late_ns": array("q"), "response_ns": array("q", [SECOND] * 40), "errors": {}}
    assert doubts(asked, seen) == []
    ((text, passing),) = doubts(asked, seen | {"most_per_s": 181_004.0})
    assert text == "the load generator was late: 181,004 requests a second are all that it can send: plan fewer"
    assert not passing
