"""`iomux.load(..., processes=N)`: several load generators, one load, one result."""

import contextlib
import signal
import socket
import subprocess
import sys
from array import array
from collections.abc import Iterator
from random import Random
from typing import Any

import psutil
import pytest

import iomux
from iomux.harness.load.arrivals import planned_ns
from iomux.harness.load.plan import Plan, _timetables
from iomux.harness.load.together import bound, doubts_of_all, merge, parts, run_together
from iomux.system.machine import CpuTime
from tests.harness.test_doubts import seen
from tests.support.clients import eventually
from tests.support.processes import children

WHOLE = Plan(("127.0.0.1", 1), 10, 4, 64, 1.0, 0.2, None, 2.0, 7, True)
OPEN = WHOLE._replace(rate=1000.0, arrivals="poisson", seed=3)
SECOND = 1_000_000_000


@pytest.mark.parametrize("processes", [1, 2, 3, 7, 10])
def test_the_parts_make_the_whole(processes: int) -> None:
    found = parts(WHOLE, processes)
    assert sum(part.connections for part in found) == 10
    assert sum(part.active for part in found) == 4
    assert all(0 <= part.active <= part.connections >= 1 for part in found)
    assert [part.server_pid for part in found] == [7] + [None] * (processes - 1), "the first one watches the server"
    assert found[0].active >= 1


@pytest.mark.parametrize("processes", [1, 3, 10])
def test_the_planned_times_of_the_parts_are_those_of_one(processes: int) -> None:
    plan = planned_ns(1000.0, 1.0, "poisson", Random(3))
    dealt = [_timetables(part)[0] or array("q") for part in parts(OPEN, processes)]
    assert sorted(at for part in dealt for at in part) == list(plan)
    assert [bool(part) for part in dealt] == [part.active > 0 for part in parts(OPEN, processes)]


@pytest.mark.parametrize("processes", [2, 3])
def test_the_same_plan_has_as_many_requests_from_several_as_from_one(processes: int) -> None:
    asked: dict[str, Any] = {"connections": 30, "active": 10, "rate": 500.0, "seed": 5, "duration": 1.0, "deadline": 30}
    with iomux.start("poll") as server:
        one = iomux.load(server, **asked)
        several = iomux.load(server, **asked, processes=processes)
    assert one.requests == several.requests == len(planned_ns(500.0, 1.0, "poisson", Random(5)))
    assert one.errors == several.errors == {}
    assert one.unserved == several.unserved == 0
    assert len(several.response_ns) == len(several.service_ns) == several.requests
    assert (one.processes, several.processes) == (1, processes)
    assert len(several.began_late_us) == processes
    assert min(several.began_late_us) >= 0
    assert several.cpu_us_per_request is not None
    assert f"{processes} load generators" in several.setting()
    assert several.row()["processes"] == processes


def counts_requests(listener: socket.socket, handler: Any = None) -> None:
    """Counts the bytes that came, and says so when all clients have gone."""
    total = 0

    def count(data: bytes) -> bytes:
        nonlocal total
        total += len(data)
        print("bytes", total, flush=True)
        return data

    iomux.servers.get("poll").load()(listener, count)


def test_in_a_closed_loop_the_server_has_as_many_as_the_clients_count() -> None:
    with iomux.start(counts_requests) as server:
        result = iomux.load(server, connections=6, active=6, size=1, warmup=0, duration=0.2, processes=3, deadline=30)
        said = f"bytes {result.requests + 6}"  # each client has sent one in the warm-up
        assert eventually(lambda: server.log.rstrip().endswith(said)), (said, server.log[-100:])
    assert result.errors == {}


def tells_peers(listener: socket.socket, handler: Any = None) -> None:
    """Says from where each client comes, and holds it."""
    held = []
    while True:
        held.append(listener.accept()[0])
        print("from", held[-1].getpeername()[0], flush=True)


def test_each_process_connects_from_an_address_of_its_own() -> None:
    with iomux.start(tells_peers) as server:
        result = iomux.load(server, connections=5, active=1, duration=0.05, warmup=0, deadline=2.0, processes=2)
        peers = sorted(line.split()[1] for line in server.log.splitlines())
    assert peers == ["127.1.0.1"] * 3 + ["127.2.0.1"] * 2
    assert result.unserved == 1
    assert result.errors == {"no reply by the deadline": 1}


def test_a_group_is_loaded_and_its_processes_are_seen() -> None:
    with iomux.start("poll", processes=2, sharing="reuseport") as group:
        result = iomux.load(group, connections=40, active=4, duration=0.2, processes=2)
        assert group.accepted == 40
        assert iomux.load(group.address, connections=2, duration=0.1).cpu_us_per_request is not None
    assert result.errors == {}
    assert result.cpu_us_per_request is not None
    assert result.requests == len(result.response_ns) > 0


def test_a_process_of_the_server_that_died_is_a_doubt() -> None:
    group = iomux.start("poll", processes=2, sharing="inherited")
    group.processes[1]._process.kill()
    assert eventually(lambda: len(group.pids) == 1)
    result = iomux.load(group, connections=4, duration=0.1, processes=2)
    group.stop()
    assert result.errors == {}
    assert result.doubts[0].startswith("of the server process 2 of 2 (pid ")
    assert "the others went on" in result.doubts[0]


def test_one_load_generator_that_fails_is_named_and_nothing_is_left() -> None:
    before = children()
    with iomux.start("poll") as server:
        broken = parts(WHOLE._replace(address=server.address, server_pid=None), 3)
        broken[1] = broken[1]._replace(deadline="soon")  # type: ignore[arg-type]
        with pytest.raises(RuntimeError, match=r"load generator 2 of 3 failed:\n(.*\n)*TypeError"):
            run_together(broken, [None] * 3, seconds=30)
    assert children() == before


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"processes": 0}, "processes is 0: choose 1 to 256"),
        ({"processes": -1}, "processes is -1"),
        ({"processes": 2.0}, "processes is 2.0"),
        ({"processes": "two"}, "processes is 'two'"),
        ({"processes": 3, "connections": 2}, "processes is 3, but there are 2 connections: each needs one at least"),
        ({"processes": 2, "connections": 10**9}, "connections of one process need more descriptors"),
    ],
)
def test_what_can_not_be_is_refused_in_one_sentence(asked: dict[str, Any], said: str) -> None:
    with iomux.start("poll") as server, pytest.raises(ValueError, match=said) as refused:
        iomux.load(server, **({"connections": 10} | asked))
    assert "\n" not in str(refused.value)


def test_one_server_process_is_not_asked_for_more_than_it_can_hold() -> None:
    with (
        iomux.start("poll") as server,
        pytest.raises(ValueError, match="100,000 connections of one server process need more descriptors"),
    ):
        iomux.load(server, connections=100_000, active=1, processes=100)


def test_a_sweep_passes_it_on() -> None:
    frame = iomux.sweep("poll", [1, 4], repeats=1, duration=0.05, progress=False, processes=2)
    assert list(frame["processes"]) == [1, 2]
    assert list(frame["reason"]) == ["", ""]
    with pytest.raises(ValueError, match="processes is 9, but there are 4 connections"):
        iomux.sweep("poll", [1, 4], processes=9)


def of_one(**other: Any) -> dict[str, Any]:
    """What one of several has seen, on a quiet machine."""
    base = seen() | {
        "moments_ns": (0, SECOND, 2 * SECOND, 3 * SECOND),
        "began_late_ns": 50_000,
        "seconds": 1.0,
        "connect_s": 1.0,
        "lost": 2,
        "unserved": 0,
        "server_switches": None,
        "most_per_s": None,
    }
    return base | other


def test_samples_are_joined_and_counts_added_over_one_window() -> None:
    first = of_one(response_ns=array("q", [1, 9]), errors={"closed": 1}, moments_ns=(0, 5, 10, SECOND))
    second = of_one(response_ns=array("q", [5]), errors={"closed": 2, "reset": 1}, moments_ns=(2, 9, 12, 2 * SECOND))
    merged = merge(parts(WHOLE, 2), [first, second | {"unserved": 3}])
    assert list(merged["response_ns"]) == list(merged["service_ns"]) == [1, 9, 5]
    assert merged["errors"] == {"closed": 3, "reset": 1}
    assert merged["unserved"] == 3
    assert merged["seconds"] == pytest.approx(2.0, abs=1e-6), "from the first beginning to the last reply"
    assert merged["connect_s"] == pytest.approx(9e-9)
    assert merged["lost"] == 4
    assert merged["began_late_ns"] == [50_000, 50_000]


def judged(*each: dict[str, Any], servers: int = 1, cores: int = 8) -> list[str]:
    plans = parts(WHOLE, len(each))
    return [doubt.text for doubt in doubts_of_all(plans, each, merge(plans, each), servers, cores)]


def test_a_quiet_run_has_no_doubt() -> None:
    assert judged(of_one(), of_one()) == []


def test_who_began_late_is_named() -> None:
    (text,) = judged(of_one(), of_one(began_late_ns=30_000_000))
    assert text == "load generator 2 of 2 began 30 ms after the agreed moment: till then it was absent"


def test_what_all_saw_is_said_once() -> None:
    lost = of_one(generator_cpu_share=0.99, server_cpu_share=0.2)
    (text,) = judged(lost, lost, lost)
    assert text.startswith("all 3 load generators: the load generator was the bottleneck")
    elsewhere = of_one(meanwhile=seen(generator_core=2)["meanwhile"])
    assert judged(lost, elsewhere)[0].startswith("load generator 1 of 2: ")


def test_two_that_share_a_core_are_the_bottleneck_together() -> None:
    half = of_one(generator_cpu_share=0.48, server_cpu_share=0.2)
    elsewhere = half | {"meanwhile": seen(generator_core=2)["meanwhile"]}
    assert bound(parts(WHOLE, 2), [half, half])
    assert not bound(parts(WHOLE, 2), [half, elsewhere])


def test_more_processes_than_cores_that_keep_all_busy_are_a_doubt() -> None:
    busy = of_one(own_cpu_s=0.5, server_cpu=CpuTime(0.5, 0.5, 1.0), meanwhile=None)
    del busy["meanwhile"]
    (text,) = judged(busy, busy, cores=2)
    assert text == "2 load generators and 1 server process kept 2 cores busy: they waited for one another"
    assert judged(busy, busy, cores=8) == []


SCRIPT = """
import iomux
server = iomux.start("poll", processes=2)
print("ready", flush=True)
iomux.load(server, connections=9, duration=60, processes=3)
"""


@contextlib.contextmanager
def loading() -> Iterator[tuple["subprocess.Popen[bytes]", list[psutil.Process]]]:
    """A process that loads a server of two processes by three load generators, and all that is below it."""
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as owner:
        try:
            assert owner.stdout
            assert owner.stdout.readline() == b"ready\n"
            of_owner = psutil.Process(owner.pid)
            assert eventually(lambda: sum(_loads(one) for one in of_owner.children()) == 3)
            assert eventually(lambda: sum(one.cpu_times().user for one in of_owner.children() if _loads(one)) > 0.5)
            yield owner, of_owner.children(recursive=True)
        finally:
            owner.kill()


def _loads(process: psutil.Process) -> bool:
    return any("worker_main" in word for word in process.cmdline())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_outlives_the_owner_however_it_ends(number: signal.Signals) -> None:
    with loading() as (owner, below):
        assert len(below) >= 5
        owner.send_signal(number)
        owner.wait(20)
        assert eventually(lambda: not any(one.is_running() and one.status() != "zombie" for one in below))


def test_a_load_generator_that_is_killed_in_the_middle_is_named() -> None:
    with loading() as (owner, below):
        victim = [one for one in below if _loads(one)][1]
        victim.kill()
        assert owner.stderr
        said = owner.stderr.read().decode()
        owner.wait(20)
    assert "RuntimeError: load generator 2 of 3 was ended by SIGKILL" in said
    assert eventually(lambda: not any(one.is_running() and one.status() != "zombie" for one in below))
