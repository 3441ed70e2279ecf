"""The arrivals of an open loop: how they are planned, by whom they are sent, and what contradicts itself."""

import itertools
import json
import math
import threading
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import iomux
from iomux.cli.main import main
from iomux.harness.load import generator, plan
from iomux.harness.load.arrivals import choose, planned_ns
from iomux.harness.load.clients import Client, connect
from iomux.harness.load.doubts import doubts
from iomux.processes.server import Server
from iomux.servers.connection import Handler
from tests.support.clients import DEADLINE

SECOND = 1_000_000_000


@pytest.fixture
def poll() -> Iterator[Server]:
    with iomux.start("poll") as server:
        yield server


def poisson(rate: float, seconds: float, seed: int) -> "npt.NDArray[np.int64]":
    return np.array(planned_ns(rate, seconds, "poisson", Random(seed)))


def test_even_arrivals_are_a_metronome_that_begins_at_once() -> None:
    assert list(planned_ns(400, 0.01, "even", Random())) == [0, 2_500_000, 5_000_000, 7_500_000]
    assert len(planned_ns(300, 1.0, "even", Random())) == 300


def test_poisson_arrivals_have_exponential_gaps_and_come_in_clumps() -> None:
    plan = poisson(1_000, 50, seed=1)
    gaps = np.diff(plan) / SECOND
    assert plan.min() >= 0
    assert plan.max() < 50 * SECOND
    assert (gaps >= 0).all()
    assert gaps.mean() == pytest.approx(0.001, rel=0.03)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.03)
    assert (gaps > 0.001).mean() == pytest.approx(math.exp(-1), abs=0.01)
    counts = np.bincount(plan // (SECOND // 100))
    assert counts.var() == pytest.approx(counts.mean(), rel=0.1), "in each 10 ms a number with a Poisson distribution"


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    assert (poisson(500, 1, seed=7) == poisson(500, 1, seed=7)).all()
    assert list(poisson(500, 1, seed=7)) != list(poisson(500, 1, seed=8))


def test_the_first_times_of_a_seed_never_change() -> None:
    assert list(planned_ns(1_000, 0.004, "poisson", Random(1)))[:3] == FIRST


FIRST = [144_291, 2_024_447, 3_467_416]
"""What a result reports as its seed has to plan the same times in every later version, too."""


def test_a_run_sends_at_the_times_that_its_seed_plans() -> None:
    with iomux.start("poll") as server:
        first, again, other = (
            iomux.load(server, 5, duration=0.5, warmup=warmup, rate=400, seed=seed)
            for warmup, seed in ((0, 3), (0.1, 3), (0, 4))
        )
    assert first.requests == again.requests == len(poisson(400, 0.5, seed=3)), "whatever the warm-up"
    assert other.requests == len(poisson(400, 0.5, seed=4))
    assert (first.arrivals, first.seed) == ("poisson", 3)
    assert "400 requests/s, Poisson arrivals, seed 3" in first.setting()


def test_without_a_seed_one_is_drawn_and_reported(poll: Server) -> None:
    results = [iomux.load(poll, duration=0.2, warmup=0, rate=300) for _ in range(2)]
    seeds = [result.seed for result in results]
    assert None not in seeds
    assert seeds[0] != seeds[1]
    assert [result.requests for result in results] == [len(poisson(300, 0.2, seed or 0)) for seed in seeds]


def test_even_arrivals_and_a_closed_loop_have_no_seed(poll: Server) -> None:
    even, closed = iomux.load(poll, duration=0.1, rate=100, arrivals="even"), iomux.load(poll, duration=0.1)
    assert (even.arrivals, even.seed, even.requests) == ("even", None, 10)
    assert "evenly spaced" in even.setting()
    assert (closed.arrivals, closed.seed) == (None, None)
    assert closed.setting().endswith("closed loop")


def test_in_a_sweep_each_round_has_its_own_plan_and_the_servers_of_a_round_the_same() -> None:
    options: dict[str, Any] = {"repeats": 2, "duration": 0.2, "warmup": 0.05, "progress": False}
    frame = iomux.sweep(["poll", "select"], [1], rate=200, seed=5, **options)
    assert list(frame["seed"]) == [5, 5, 6, 6]
    assert set(frame["arrivals"]) == {"poisson"}
    assert list(frame["requests"]) == [len(poisson(200, 0.2, seed)) for seed in frame["seed"]]


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 100, "arrivals": "x"}, r"arrivals is 'x': choose 'poisson' .* or 'even'"),
        ({"rate": 100, "seed": -1}, "seed is -1: choose 0 or more"),
        ({"rate": 100, "seed": 1.5}, "seed is 1.5: give a whole number"),
        ({"rate": 100, "seed": True}, "seed is True: give a whole number"),
        ({"rate": 100, "arrivals": "even", "seed": 1}, "even arrivals draw nothing: leave out one"),
        ({"arrivals": "poisson"}, "arrivals is 'poisson', but a closed loop plans no arrivals: give a rate"),
        ({"seed": 1}, "seed is 1, but a closed loop plans no arrivals: give a rate"),
        ({"rate": 0}, "rate is 0"),
        ({"rate": -1}, "rate is -1"),
        ({"rate": math.nan}, "rate is nan"),
        ({"rate": math.inf}, "rate is inf"),
    ],
)
def test_what_contradicts_itself_is_one_clear_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        iomux.load(("127.0.0.1", 1), **options)
    with pytest.raises(ValueError, match=message):
        iomux.sweep("poll", 1, progress=False, **options)


def test_the_defaults_are_an_independent_crowd_and_a_drawn_seed() -> None:
    arrivals, seed = choose(100.0, None, None)
    assert arrivals == "poisson"
    assert seed is not None
    assert choose(None, None, None) == (None, None)
    assert choose(100.0, "even", None) == ("even", None)


def test_bench_plans_as_load_does(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--connections", "2", "--repeats", "1", "--duration", "0.2", "--rate", "300", "--json"]
    assert main(["bench", "poll", *options, "--seed", "9"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["arrivals"], row["seed"], row["requests"]) == ("poisson", 9, len(poisson(300, 0.2, seed=9)))
    assert main(["bench", "poll", *options, "--arrivals", "even"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["arrivals"], row["seed"], row["requests"]) == ("even", None, 60)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rate", "9", "--arrivals", "x"], "arrivals is 'x': choose"),
        (["--rate", "9", "--seed", "-1"], "seed is -1: choose 0 or more"),
        (["--seed", "1"], "a closed loop plans no arrivals: give a rate"),
        (["--rate", "nan"], "rate is nan: choose more than 0"),
    ],
)
def test_bench_refuses_what_contradicts_itself(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "poll", *options]) == 2
    assert said in capsys.readouterr().err


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
    seen: dict[str, Any] = {"late_ns": array("q"), "response_ns": array("q"), "errors": {}}
    assert doubts(asked, seen) == []
    ((text, passing),) = doubts(asked, seen | {"most_per_s": 181_004.0})
    assert text == "the load generator was late: 181,004 requests a second are all that it can send: plan fewer"
    assert not passing
