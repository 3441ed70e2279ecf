"""`iomux.load`: its counts, latencies and errors, in a closed and an open loop."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import numpy as np
import psutil
import pytest

import iomux
from iomux.harness.load import clients as harness_clients
from iomux.harness.load import generator, plan
from iomux.harness.load.arrivals import planned_ns
from iomux.harness.load.clients import connect, wait_until_accepted
from iomux.harness.load.plan import Plan
from iomux.harness.load.result import summarize
from iomux.processes.server import Server
from iomux.processes.worker import run_in_worker
from iomux.system.machine import Switches, context_switches, switched
from iomux.system.procfs import backlog
from tests.students.faults import closes, faulty, silent_after_five, talks_too_much, wrong
from tests.students.right import sleeps
from tests.support.clients import DEADLINE, eventually


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
        look, looked = plan._server_use, [0]

        def look_long(plan: Plan) -> Any:
            looked[0] += 1
            time.sleep(1)
            return look(plan)

        plan._server_use = look_long  # in the generator's process only
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


def test_a_sleeping_server_switches_voluntarily_and_a_spinning_one_does_not() -> None:
    """It sleeps in its handler at each request; in its poller it sleeps only if no request has come yet."""
    a_request = {}
    for name, handler in (("poll", sleeps), ("nonblocking", iomux.echo)):
        with iomux.start(name, handler=handler) as server:
            result = iomux.load(server, duration=0.3)
        assert result.voluntary_switches is not None
        assert result.involuntary_switches is not None
        assert result.involuntary_switches >= 0
        assert "context switches a request" in repr(result)
        assert result.row()["voluntary_switches"] == result.voluntary_switches
        a_request[name] = result.voluntary_switches / result.requests
    assert a_request["poll"] >= 0.5
    assert a_request["nonblocking"] < a_request["poll"] / 5


def test_the_switches_of_every_thread_are_counted() -> None:
    with iomux.start("threaded", handler=sleeps) as server:
        result = iomux.load(server, connections=4, duration=0.3)
    assert result.voluntary_switches is not None
    assert result.voluntary_switches >= 0.5 * result.requests, "its main thread sleeps in accept and makes none"


def test_the_end_of_a_thread_does_not_lose_the_others_switches() -> None:
    before = {1: Switches(10, 1), 2: Switches(1000, 5)}
    after = {1: Switches(14, 1), 3: Switches(2, 1)}
    assert switched(before, after) == Switches(6, 1)
    assert switched({}, {}) is None


def test_the_switches_of_a_process_that_is_gone_are_an_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    with pytest.raises(ProcessLookupError, match="is gone"):
        context_switches(ended.pid)


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


def test_open_loop_omits_no_planned_request() -> None:
    with iomux.start(faulty(closes)) as server:
        result = iomux.load(server, connections=2, duration=0.5, warmup=0, arrivals="even", rate=200, deadline=0.5)
    assert result.errors["closed by the server"] == 2
    assert result.requests + sum(result.errors.values()) == pytest.approx(100, abs=3)


def test_open_loop_keeps_to_its_rate(poll: Server) -> None:
    result = iomux.load(poll, connections=5, duration=1.0, rate=300, arrivals="even")
    assert result.requests == pytest.approx(300, abs=20)
    assert result.rate_per_s == 300


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"connections": 0}, "connections is 0"),
        ({"connections": 2, "active": 3}, "active is 3: choose from 1 to connections"),
        ({"active": 0}, "active is 0"),
        ({"size": 0}, "size is 0"),
        ({"duration": 0}, "duration is 0"),
        ({"duration": 1e9}, "at most 600 s"),
        ({"warmup": -1}, "warmup is -1"),
        ({"rate": 0}, "rate is 0"),
        ({"rate": 1_000_000, "duration": 60}, "too many to plan"),
        ({"deadline": 0}, "deadline is 0"),
        ({"connections": 10.0}, "connections is 10.0: give a whole number"),
        ({"connections": True}, "connections is True: give a whole number"),
        ({"size": "64"}, "size is '64': give a whole number"),
        ({"rate": "9"}, "rate is '9': give a number"),
        ({"duration": None}, "duration is None: give a number"),
        ({"connections": 10_000_000}, "more descriptors than a process may open"),
    ],
)
def test_impossible_arguments_are_a_clear_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        iomux.load(("127.0.0.1", 1), **options)


@pytest.mark.parametrize(
    "address",
    ["192.0.2.1:80", ("198.51.100.7", 80), ("2001:db8::1", 80), ("here", 80), "127.0.0.1:x", ("127.0.0.1", 0)],
)
def test_load_goes_to_loopback_only(address: Any) -> None:
    with pytest.raises(ValueError, match=r"not a loopback address|not an IP address|is no address|port is 0"):
        iomux.load(address)


def test_no_listener_is_a_clear_error() -> None:
    with iomux.listen() as listener:
        address = listener.getsockname()
    with pytest.raises(ConnectionRefusedError, match=rf"nobody listens at 127.0.0.1:{address[1]}: start the server"):
        iomux.load(address, connections=3, duration=0.1)


def test_clients_refused_by_a_started_server_are_counted() -> None:
    def closes_its_listener(listener: socket.socket) -> None:
        listener.close()
        time.sleep(600)

    with iomux.start(closes_its_listener) as server:
        result = iomux.load(server, connections=3, duration=0.1)
    assert result.errors == {"connect: Connection refused": 3}
    assert result.unserved == 3


def test_ten_thousand_connections_are_opened_and_served() -> None:
    name = "epoll" if "epoll" in iomux.names() else "poll"
    with iomux.start(name) as server:
        result = iomux.load(server, connections=10_000, duration=1.0, deadline=20)
    assert result.errors == {}
    assert result.unserved == 0
    assert result.requests >= 10_000
    assert result.connect_s > 0


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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists its sockets")
def test_it_waits_until_all_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness_clients, "_NO_PROGRESS_SECONDS", DEADLINE)  # the accepting server may be delayed
    errors = Counter[str]()
    with iomux.listen() as listener, contextlib.ExitStack() as stack:
        address = listener.getsockname()
        for client in connect(address, 30, 1.0, errors):
            stack.enter_context(client.sock)
        assert eventually(lambda: backlog(address) == 30)

        def accept_slowly() -> None:
            for _ in range(30):
                time.sleep(0.01)
                listener.accept()[0].close()

        accepting = threading.Thread(target=accept_slowly)
        accepting.start()
        wait_until_accepted(address)
        assert backlog(address) == 0
        accepting.join()


def accepts_one_at_a_time(listener: socket.socket) -> NoReturn:
    """Pauses before each client it accepts, and answers the first request with the number of its clients."""
    clients: list[socket.socket] = []
    asked = False
    listener.setblocking(False)
    while True:
        time.sleep(0.01)
        with contextlib.suppress(BlockingIOError):
            clients.append(listener.accept()[0])
        for client in select.select(clients, [], [], 0)[0]:
            if not asked:
                print(f"asked with {len(clients)} accepted", flush=True)
            asked = True
            client.sendall(data) if (data := client.recv(4096)) else clients.remove(client)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists its sockets")
def test_no_request_is_sent_before_all_clients_are_accepted() -> None:
    with iomux.start(accepts_one_at_a_time) as server:
        iomux.load(server, connections=40, active=1, duration=0.1, warmup=0)
        assert "asked with 40 accepted" in server.log


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists its sockets")
def test_it_does_not_wait_for_a_server_that_stopped_accepting() -> None:
    with iomux.listen() as listener, socket.create_connection(listener.getsockname()):
        wait_until_accepted(listener.getsockname())
        assert backlog(listener.getsockname()) == 1


def test_without_a_list_of_sockets_it_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "queues")
    with iomux.listen() as listener, socket.create_connection(listener.getsockname()):
        assert backlog(listener.getsockname()) == 0
        wait_until_accepted(listener.getsockname())
