"""`iomux.load(..., client=...)`: load from the hosts of a Dask cluster, each seen, and a lost one counted."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from random import Random
from typing import Any

import pytest

import iomux
from iomux.harness.load.arrivals import planned_ns
from iomux.harness.load.hosts import LOST
from iomux.harness.load.on_host import check_reachable, check_versions, clock
from iomux.system.features import DISTRIBUTION
from iomux.system.limits import check_address
from tests.support.clients import eventually
from tests.support.networks import skip_without_network
from tests.support.processes import marked, own_mark

pytest.importorskip("distributed", reason="no load from hosts without its extra: pip install -e '.[cluster]'")
from tests.support.cluster import Cluster, cluster

HOSTS = 3


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three hosts, whose processes have a mark."""
    mark = own_mark("dask")
    with cluster(tmp_path_factory.mktemp("dask"), HOSTS, [{"IOMUX_MARK": mark}] * HOSTS) as running:
        yield running
    assert eventually(lambda: marked(mark) == [])


def test_each_host_has_its_part_and_the_whole_is_the_same_plan(dask: Cluster) -> None:
    asked: dict[str, Any] = {"connections": 30, "active": 10, "rate": 400.0, "seed": 5, "duration": 1.0, "deadline": 30}
    with iomux.start("poll") as server:
        result = iomux.load(server, **asked, client=dask.client)
    assert result.errors == {}
    assert result.requests == len(planned_ns(400.0, 1.0, "poisson", Random(5)))
    assert sum(host.requests for host in result.hosts) == result.requests == len(result.response_ns)
    assert [(host.connections, host.active) for host in result.hosts] == [(10, 4), (10, 3), (10, 3)]
    assert [host.worker.rpartition(":")[0] for host in result.hosts] == [f"tcp://127.0.0.{n}" for n in (1, 2, 3)]
    assert all(host.lost == "" and host.p50_us > 0 and host.began_late_us >= 0 for host in result.hosts)
    assert result.processes == len(result.began_late_us) == HOSTS
    assert result.cpu_us_per_request is not None, "the server is ours, and its processor time is read here"
    assert f"{result.hosts[2].worker}: {result.hosts[2].requests:,} requests" in str(result)


def test_the_samples_of_a_slow_host_are_its_own(dask: Cluster) -> None:
    def echo(client: socket.socket, pause: float) -> None:
        while data := client.recv(65536):
            time.sleep(pause)
            client.sendall(data)

    def serve(listener: socket.socket) -> None:
        while True:
            client, (host, _) = listener.accept()
            threading.Thread(target=echo, args=(client, 0.02 if host.startswith("127.3.") else 0), daemon=True).start()

    with iomux.start(serve) as server:
        result = iomux.load(server, connections=HOSTS, duration=0.5, client=dask.client)
    assert len(result.response_ns) == sum(host.requests for host in result.hosts)
    assert result.hosts[2].p50_us >= 20_000
    assert max(host.max_us for host in result.hosts) == result.max_us
    last = result.response_ns[-result.hosts[2].requests :]
    assert last.min() >= 20_000_000, "the raw samples are in the order of the hosts"


def test_a_clock_of_this_machine_is_ours_within_what_the_round_trips_tell(dask: Cluster) -> None:
    for worker in dask.client.scheduler_info(n_workers=-1)["workers"]:
        found = clock(dask.client, worker)
        assert abs(found.offset_ns) <= found.error_ns, "all processes of a machine share CLOCK_MONOTONIC"


@pytest.fixture(scope="module")
def tracker() -> None:
    """The process of multiprocessing that LocalCluster starts and that stays; here before a test, so not left by it."""
    resource_tracker.ensure_running()


def test_one_host_has_one_load_generator_however_many_workers_it_has(tracker: None) -> None:
    from distributed import Client, LocalCluster

    options: dict[str, Any] = {"host": "127.0.0.1", "dashboard_address": None, "silence_logs": 50}
    with LocalCluster(n_workers=2, threads_per_worker=1, **options) as local, Client(local) as client:
        result = iomux.load("poll", connections=4, duration=0.2, client=client)
        frame = iomux.sweep("poll", [2, 4], repeats=1, duration=0.1, progress=False, client=client)
    assert len(result.hosts) == result.processes == 1
    assert result.errors == {}
    assert (frame["reason"] == "").all()
    assert (frame["requests"] > 0).all()


def test_a_lost_host_is_counted_and_the_others_are_kept(tmp_path: Path) -> None:
    mark = own_mark("lost")
    with cluster(tmp_path, 2, [{}, {"IOMUX_MARK": mark}]) as dask, iomux.start("poll") as server:

        def kill_one() -> None:
            eventually(lambda: len(marked(mark)) >= 2)  # the worker, and its load generator
            time.sleep(1.5)
            dask.workers[1].kill()

        killing = threading.Thread(target=kill_one)
        killing.start()
        result = iomux.load(server, connections=10, active=4, duration=3, client=dask.client)
        killing.join()
        assert eventually(lambda: marked(mark) == []), "the load generator ends with its worker"
    stayed, lost = result.hosts
    assert (stayed.lost, lost.lost) == ("", "its Dask worker is gone")
    assert result.errors[LOST] == lost.connections == 5
    assert result.unserved == lost.active == 2
    assert result.requests == stayed.requests > 0
    assert any("was lost, and its part of the load with it" in doubt for doubt in result.doubts)
    assert f"{lost.worker} was lost: its Dask worker is gone" in str(result)


def test_if_all_hosts_are_lost_that_is_said(tmp_path: Path) -> None:
    mark = own_mark("all lost")
    with cluster(tmp_path, 1, [{"IOMUX_MARK": mark}]) as dask, iomux.start("poll") as server:

        def kill_it() -> None:
            eventually(lambda: len(marked(mark)) >= 2)
            dask.workers[0].kill()

        threading.Thread(target=kill_it).start()
        with pytest.raises(RuntimeError, match=r"all hosts were lost: tcp://127.*: its Dask worker is gone"):
            iomux.load(server, duration=2, client=dask.client)


def test_a_lost_scheduler_is_said(tmp_path: Path) -> None:
    import dask

    mark = own_mark("scheduler")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        cluster(tmp_path, 1, [{"IOMUX_MARK": mark}]) as own,
    ):

        def kill_it() -> None:
            eventually(lambda: len(marked(mark)) >= 2)
            own.process.kill()

        threading.Thread(target=kill_it).start()
        with pytest.raises(RuntimeError, match="the Dask scheduler was lost during the run"):
            iomux.load("poll", duration=2, client=own.client)


@pytest.mark.parametrize("end", ["interrupt", "kill"])
def test_no_load_generator_outlives_its_owner(dask: Cluster, end: str) -> None:
    mark = own_mark("dask")
    before = len(marked(mark))
    script = (
        "import iomux\nfrom distributed import Client\n"
        f"with Client({dask.scheduler!r}) as client: iomux.load('poll', connections=6, duration=100, client=client)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as owner:
        assert eventually(lambda: len(marked(mark)) == before + HOSTS)
        time.sleep(1)
        owner.send_signal(2 if end == "interrupt" else 9)
        owner.wait(30)
    assert eventually(lambda: len(marked(mark)) == before)


def test_a_worker_of_another_iomux_is_refused_with_both_versions(tmp_path: Path) -> None:
    other = tmp_path / "iomux_course-0.0.9.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: iomux-course\nVersion: 0.0.9\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    with (
        cluster(tmp_path, 1, [{"PYTHONPATH": path}]) as dask,
        pytest.raises(
            ValueError, match=r"has Python 3\.\d+ and iomux 0\.0\.9, and this process Python 3\.\d+ and iomux"
        ),
    ):
        iomux.load("poll", client=dask.client)


def test_a_worker_of_another_python_or_without_iomux_is_refused() -> None:
    for packages, said in (
        (
            {"python": "2.7.18.final.0", DISTRIBUTION: "0.1.0"},
            "has Python 2.7 and iomux 0.1.0, and this process Python 3",
        ),
        ({"python": sys.version.split()[0], DISTRIBUTION: None}, "and iomux none, and"),
    ):
        with pytest.raises(ValueError, match=said):
            check_versions("tcp://127.0.0.1:1", packages)


def test_wrong_arguments_are_said_in_a_sentence(dask: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for asked, said in (
        ({"client": "tcp://127.0.0.1:1"}, "give a distributed.Client"),
        ({"client": dask.client, "processes": 2, "connections": 3}, "client and processes are both given"),
        ({"client": dask.client, "connections": 2}, "there are 3 hosts, but connections is 2"),
        ({"allow": ["192.0.2.0/24"]}, "allow is for load from other hosts"),
        ({"client": dask.client, "connections": 3, "allow": ["0.0.0.0/0"]}, "of /16 or smaller"),
        ({"client": dask.client, "connections": 3, "allow": "192.0.2.0/24"}, "give a list of networks"),
        ({"client": dask.client, "connections": 3, "allow": ["192.0.2.1/24"]}, "has host bits set"),
    ):
        with pytest.raises((ValueError, TypeError), match=said):
            iomux.load("127.0.0.1:1", **asked)
    with pytest.raises(ConnectionRefusedError, match="nobody listens"):
        iomux.load("127.0.0.1:1", connections=3, client=dask.client)
    monkeypatch.setitem(sys.modules, "distributed", None)  # as where it is not installed
    with pytest.raises(ImportError, match=r"pip install 'iomux-course\[cluster\]'"):
        iomux.load("poll", client=dask.client)


def test_a_client_that_was_closed_is_said(dask: Cluster) -> None:
    from distributed import Client

    with Client(dask.scheduler, set_as_default=False) as closed:
        pass
    said = "client has no connection to its scheduler, it is closed: make a new one"
    with pytest.raises(ValueError, match=said):
        iomux.load("poll", connections=HOSTS, client=closed)
    with pytest.raises(ValueError, match=said):
        iomux.sweep("poll", [HOSTS], repeats=1, progress=False, client=closed)


def test_only_networks_that_the_caller_names_are_loaded() -> None:
    with pytest.raises(ValueError, match=r"192\.0\.2\.7 is not a loopback address"):
        iomux.load("192.0.2.7:80")
    check_address(("192.0.2.7", 80), ["192.0.2.0/24"])
    with pytest.raises(ValueError, match=r"198\.51\.100\.7 is not a loopback address"):
        check_address(("198.51.100.7", 80), ["192.0.2.0/24"])
    nothing: Any = None
    with pytest.raises(ValueError, match=r"allow is None: give a list of networks, as in allow=\['192\.0\.2\.0/24'\]"):
        iomux.load("127.0.0.1:80", allow=nothing)
    check_reachable(["tcp://127.0.0.2:1"], ("127.0.0.1", 80))
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 is another machine on the host of tcp://192\.0\.2\.7:1"):
        check_reachable(["tcp://192.0.2.7:1"], ("127.0.0.1", 80))


def test_dask_workers_never_load_an_address_in_a_network_of_ours(dask: Cluster) -> None:
    """They are outside of it, and whoever has that address there has not been asked."""
    skip_without_network()
    asked: dict[str, Any] = {"connections": HOSTS, "duration": 0.1, "client": dask.client}
    with iomux.network() as network, network[1].start("poll") as server:
        with pytest.raises(ValueError, match="client and host are both given: load comes from the hosts of a Dask"):
            network[0].load(server, **asked, deadline=0.1)
        with pytest.raises(ValueError, match="client and network are both given: load comes from the hosts of a Dask"):
            iomux.sweep("poll", **asked, repeats=1, progress=False, network=network)
