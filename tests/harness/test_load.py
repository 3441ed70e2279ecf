"""`iomux.load`: its counts, latencies and errors, in a closed and an open loop."""

import os
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import iomux
from iomux.harness.load import generator, plan
from iomux.harness.load.plan import Plan
from iomux.harness.load.result import summarize
from iomux.processes.server import Server
from iomux.processes.worker import run_in_worker
from tests.students.faults import closes, faulty, silent_after_five, talks_too_much, wrong
from tests.support.clients import DEADLINE


@pytest.fixture
def poll() -> Iterator[Server]:
    with iomux.start("poll") as server:
        yield server


def test_every_request_is_answered_and_counted(poll: Server) -> None:
    result = iomux.load(poll, connections=20, active=5, duration=0.3)
    assert result.requests == len(result.response_ns) >= 5, "each that asks was answered"
    assert result.errors == {}
    assert result.unserved == 0
    told = [us for us in (result.p90_us, result.p99_us, result.p999_us) if not np.isnan(us)]
    assert 0 < result.p50_us <= min(told, default=result.max_us) <= max(told, default=result.max_us) <= result.max_us
    assert result.p50_us == np.percentile(result.response_ns, 50, method="inverted_cdf") / 1000
    assert (result.response_ns > 0).all()
    assert result.cpu_us_per_request is not None
    assert result.cpu_us_per_request > 0
    assert result.server_user_s is not None
    assert result.server_system_s is not None
    assert result.server_user_s >= 0
    assert result.server_system_s >= 0
    assert "5 active of 20 connections" in repr(result)


def test_percentiles_of_known_samples() -> None:
    asked = Plan(("127.0.0.1", 1), 1, 1, 64, 1.0, 0.0, None, 1.0, None, False)
    samples = array("q", [number * 1000 for number in range(1, 10_001)])
    seen: dict[str, Any] = {"response_ns": samples, "service_ns": samples, "late_ns": array("q"), "seconds": 2.0}
    seen |= {"connect_s": 0.0, "unserved": 0, "errors": {}, "server_cpu": None, "server_cpu_share": None}
    result = summarize(asked, seen | {"server_switches": None, "generator_cpu_share": 0.1})
    assert (result.p50_us, result.p90_us, result.p99_us, result.p999_us) == (5000, 9000, 9900, 9990)
    assert result.max_us == 10_000
    assert result.mean_us == pytest.approx(5000.5)
    assert result.requests_per_s == 5000


def test_a_known_delay_is_seen_where_it_belongs() -> None:
    asked = [0]

    def nap(data: bytes) -> bytes:
        asked[0] += 1
        if asked[0] % 4 == 0:
            time.sleep(0.1)  # far longer than a busy machine delays a handler without a nap
        return data

    with iomux.start("threaded", handler=nap) as server:
        result = iomux.load(server, connections=4, duration=1.0)
    slow = (result.response_ns >= 100_000_000).mean()
    assert 0.15 < slow < 0.35
    assert result.max_us >= 100_000


def test_no_sample_includes_the_harnesss_own_work(poll: Server) -> None:
    """Each is made to take a second, because a busy machine decides how long they take otherwise."""

    def run(asked: Plan) -> dict[str, Any]:
        look, looked = plan.server_use, [0]

        def look_long(plan: Plan) -> Any:
            looked[0] += 1
            time.sleep(1)
            return look(plan)

        plan.server_use = look_long  # in the generator's process only
        return plan.run(asked) | {"looked": looked[0]}

    asked = Plan(poll.address, 20, 20, 64, 0.1, 0.1, None, DEADLINE, poll.pid, False)
    seen = run_in_worker(run, asked, core=None, seconds=60, what="the load generator")
    assert seen["looked"] == 3, "before the warm-up, after it, and at the end"
    assert len(seen["response_ns"]) >= 20
    assert max(seen["response_ns"]) < 0.9 * generator.SECOND


def test_an_overloaded_warmup_does_not_affect_the_measurement() -> None:
    def slow(data: bytes) -> bytes:
        time.sleep(0.005)
        return data

    with iomux.start("poll", handler=slow) as server:
        result = iomux.load(server, connections=2, duration=0.5, warmup=0.5, arrivals="even", rate=400, deadline=10)
    assert result.errors == {}
    assert result.requests == pytest.approx(200, abs=5)
    assert result.response_ns[0] < 250_000_000, "the queue of half a second of warm-up is not measured"


def test_large_messages_arrive_whole(poll: Server) -> None:
    result = iomux.load(poll, connections=3, size=1 << 20, duration=0.5, deadline=DEADLINE)
    assert result.requests >= 3
    assert result.errors == {}


def test_one_byte_messages(poll: Server) -> None:
    assert iomux.load(poll, size=1, duration=0.1).errors == {}


def test_clients_never_served_are_counted_and_nothing_hangs() -> None:
    with iomux.start("blocking") as server:
        began = time.monotonic()
        result = iomux.load(server, connections=10, duration=0.3, deadline=0.5)
        assert time.monotonic() - began < 30
    assert result.unserved == 9
    assert result.errors == {"no reply by the deadline": 9}
    assert result.requests > 0


def test_more_clients_than_the_backlog_holds_do_not_hang() -> None:
    def deaf(listener: Any) -> None:
        listener.listen(5)
        threading.Event().wait()

    with iomux.start(deaf) as server:
        result = iomux.load(server, connections=50, duration=0.2, deadline=0.5)
    assert result.requests == 0
    assert result.unserved == 50
    assert sum(result.errors.values()) == 50
    assert result.errors["not connected in time"] >= 40
    assert np.isnan(result.p50_us)


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (wrong, {"wrong reply": 3}),
        (closes, {"closed by the server": 3}),
        (talks_too_much, {"wrong reply": 3}),
        (silent_after_five, {"no reply by the deadline": 3}),
    ],
)
def test_a_server_that_answers_wrongly_is_detected(fault: Any, kinds: dict[str, int]) -> None:
    # For a second, in which each client reaches its sixth message on a busy machine too.
    with iomux.start(faulty(fault)) as server:
        result = iomux.load(server, connections=3, duration=1.0, deadline=0.5)
    assert result.errors == kinds
    assert result.unserved == 0 or fault is talks_too_much


def test_a_server_that_dies_meanwhile_says_why() -> None:
    def mortal(data: bytes) -> bytes:
        os._exit(7)

    with iomux.start("poll", handler=mortal) as server:
        with pytest.raises(iomux.ServerError, match="ended with status 7"):
            iomux.load(server, duration=0.2, deadline=0.5)
        server.stop()


def test_a_server_that_is_not_ours_has_no_cpu_figures() -> None:
    command = [sys.executable, "-m", "iomux", "serve", "poll"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as foreign:
        assert foreign.stdout is not None
        result = iomux.load(foreign.stdout.readline().split()[-1], connections=3, duration=0.1)
        foreign.terminate()
    assert result.requests > 0
    assert result.cpu_us_per_request is None
    assert result.voluntary_switches is None
    assert result.involuntary_switches is None
