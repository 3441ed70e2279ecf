"""Closed and open loop of the load generator: who hides a stall, who keeps to a plan, and nothing is counted twice."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import psutil
import pytest

import iomux
from iomux.harness.load import clients as harness_clients
from iomux.harness.load import generator
from iomux.harness.load.arrivals import planned_ns
from iomux.harness.load.clients import connect
from iomux.processes.server import Server
from tests.harness.test_load import poll as poll
from tests.students.faults import closes, faulty
from tests.support.clients import eventually

TENTH = 10


def stops_at_the_tenth() -> Callable[[bytes], bytes]:
    """A handler that stops its server at the tenth request, so that the stall is within the run."""
    asked = [0]

    def handle(data: bytes) -> bytes:
        asked[0] += 1
        if asked[0] == TENTH:
            os.kill(os.getpid(), signal.SIGSTOP)
        return data

    return handle


@contextlib.contextmanager
def stalling_for_a_second() -> Iterator[Server]:
    """A poll server that is stopped once, for a second."""

    def go_on() -> None:
        stopped.append(eventually(lambda: psutil.Process(server.pid).status() == psutil.STATUS_STOPPED))
        time.sleep(1)
        os.kill(server.pid, signal.SIGCONT)

    stopped = list[bool]()
    with iomux.start("poll", handler=stops_at_the_tenth()) as server:
        thread = threading.Thread(target=go_on)
        thread.start()
        yield server
        thread.join()
    assert stopped == [True]


def test_closed_loop_hides_a_stall_in_one_sample_a_client() -> None:
    with stalling_for_a_second() as server:
        result = iomux.load(server, connections=2, duration=2.0, warmup=0, deadline=5)
    assert result.max_us > 500_000
    assert 1 <= (result.response_ns > 500_000_000).sum() <= 2
    assert result.requests > TENTH


def test_open_loop_shows_a_stall_in_every_request_it_delayed() -> None:
    with stalling_for_a_second() as server:
        result = iomux.load(server, connections=2, duration=2.0, warmup=0, arrivals="even", rate=200, deadline=5)
    assert result.errors == {}
    assert result.requests == 400
    late = (result.response_ns > 100_000_000).sum()
    assert late > 100, "a second at 200 requests a second: some 180 were planned while it lasted"
    assert 1 <= (result.service_ns > 500_000_000).sum() <= 2, "but each client had only one under way"
    assert result.p90_us > 500_000
    assert np.percentile(result.service_ns, 90) < 500_000_000


def test_open_loop_counts_no_reply_twice() -> None:
    with iomux.start("poll", handler=lambda data: data + data) as server:
        result = iomux.load(server, connections=2, duration=0.3, warmup=0, arrivals="even", rate=100, deadline=0.5)
    assert result.requests <= 30
    assert result.errors


@pytest.mark.skipif(sys.platform != "linux", reason="the range of ephemeral ports is read from /proc")
def test_a_connection_to_itself_is_no_server() -> None:
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    with pytest.raises(ConnectionRefusedError):  # it is raised only if all of them were refused
        iomux.load(("127.0.0.1", low + 2000), connections=15_000, active=1, duration=0.1)


def naps(data: bytes) -> bytes:
    time.sleep(0.02)
    return data


def test_open_loop_counts_what_it_lost_as_longer_than_all_it_saw() -> None:
    with iomux.start("poll", handler=naps) as server:
        result = iomux.load(server, 10, duration=0.5, warmup=0, arrivals="even", rate=400, deadline=0.3)
    assert result.requests + result.lost == 200
    assert result.lost > 100, "50 a second are served, until the deadline"
    assert np.isnan(result.p50_us), "more than half of the plan was never answered"
    assert "not known: median" in str(result)


def test_open_loop_omits_no_planned_request() -> None:
    with iomux.start(faulty(closes)) as server:
        result = iomux.load(server, connections=2, duration=0.5, warmup=0, arrivals="even", rate=200, deadline=0.5)
    assert result.errors["closed by the server"] == 2
    assert result.requests + sum(result.errors.values()) == pytest.approx(100, abs=3)


def test_open_loop_keeps_to_its_rate(poll: Server) -> None:
    result = iomux.load(poll, connections=5, duration=1.0, rate=300, arrivals="even")
    assert result.requests == pytest.approx(300, abs=20)
    assert result.rate_per_s == 300


def test_it_is_awake_well_before_a_request_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sleeping to the end of a gap of 20 ms would make each request late: epoll_wait rounds up to the millisecond."""
    poller, poll = harness_clients.quickest_poller()
    slept: list[float] = []

    def noted(seconds: float) -> list[tuple[int, int]]:
        slept.append(seconds)
        return poll(seconds)

    monkeypatch.setattr(generator, "quickest_poller", lambda: (poller, noted))
    errors: Counter[str] = Counter()
    with iomux.start("poll") as server:
        active = connect(server.address, 1, 5.0, errors)
        asking = generator.Generator(active, 64, True, errors)
        begin = generator.perf_ns()
        asking.open_loop(begin, begin + generator.SECOND // 2, planned_ns(50, 0.5, "even", Random()))
        longest = max(slept)
        asking.drain(5.0)
        active[0].sock.close()
    assert len(asking.response_ns) == 25
    assert 0 < longest <= 0.018
