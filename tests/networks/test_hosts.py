"""Hosts: servers, load, functions and sockets inside, by the verbs that a reader knows, and nothing gets out."""

import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import iomux
from iomux.networks import host
from iomux.processes.logs import read_log
from iomux.processes.worker import Reports, TookTooLong
from iomux.system.procfs import backlog, queues
from tests.support.clients import eventually

pytestmark = pytest.mark.usefixtures("works")
SERVER = """
import socket, sys
with socket.create_server((sys.argv[2], int(sys.argv[1]))) as listener:
    while True:
        client, _ = listener.accept()
        while data := client.recv(100):
            client.sendall(data)
"""


def my_network() -> str:
    return os.readlink("/proc/self/ns/net")


def test_load_comes_from_one_host_to_a_server_in_another() -> None:
    with iomux.network(delay_ms=10) as (a, b), b.start("poll") as server:
        result = a.load(server, connections=20, active=2, duration=0.3)
    assert server.address[0] == b.address
    assert (result.errors, result.unserved, result.connections) == ({}, 0, 20)
    assert result.response_ns.min() >= 20_000_000
    assert result.cpu_us_per_request is not None


def test_every_mechanism_serves_other_hosts() -> None:
    with iomux.network(hosts=3, delay_ms=1) as (a, b, c):
        for name in iomux.names():
            connections = 1 if name == "blocking" else 10
            with c.start(name) as server:
                for host in (a, b):
                    result = host.load(server, connections, duration=0.1, warmup=0)
                    assert (result.errors, result.unserved) == ({}, 0), name


def test_connections_are_opened_in_a_window() -> None:
    with iomux.network(delay_ms=50) as (a, b), b.start("poll") as server:
        result = a.load(server, connections=600, active=1, duration=0.2, deadline=20)
    assert (result.errors, result.connections) == ({}, 600)
    assert result.connect_s < 600 * 0.1 / 4, "a quarter of what one after the other takes at least"


def test_a_server_that_accepts_nobody_is_counted_not_waited_for() -> None:
    def never(listener: socket.socket) -> None:
        listener.listen(3)  # a smaller backlog
        time.sleep(600)

    with iomux.network() as (a, b), b.start(never) as server:
        result = a.load(server, connections=20, active=1, duration=0.2, deadline=0.5)
        assert backlog(server.address, server.pid) == 4
        assert backlog(server.address) == 0
    assert (result.unserved, result.requests) == (1, 0)
    assert result.errors["no reply by the deadline"] == 1


def test_load_over_a_cut_link_is_counted_and_ends() -> None:
    with iomux.network() as (a, b), b.start("poll") as server:
        a.link.cut()
        result = a.load(server, connections=300, active=2, duration=0.1, deadline=0.5)
        assert result.errors == {"not connected in time": 300}
        assert (result.requests, result.unserved) == (0, 2)
        a.link.mend()
        assert a.load(server, connections=3, duration=0.1).errors == {}


def test_server_and_listener_are_inside_and_the_host_tells_of_them() -> None:
    with iomux.network() as (a, b), b.start("epoll" if "epoll" in iomux.names() else "poll") as server:
        theirs = os.readlink(f"/proc/{server.pid}/ns/net")
        assert theirs == b.run(my_network)
        assert len({theirs, a.run(my_network), my_network()}) == 3
        assert list(queues(server.address, server.pid)["state"]) == ["LISTEN"]
        assert list(queues(server.address)["state"]) == []


def test_a_server_of_any_form_runs_inside(tmp_path: Path) -> None:
    answer = b"".join

    def shouting(listener: socket.socket) -> None:
        while True:
            client, _ = listener.accept()
            with client:
                client.sendall(answer([client.recv(100).upper(), b"!"]))

    def with_a_port(host: str, port: int) -> None:
        with socket.create_server((host, port)) as listener:
            while True:
                client, _ = listener.accept()
                client.sendall(client.recv(100))

    file = tmp_path / "own.py"
    file.write_text(SERVER)
    with iomux.network() as (a, b):
        command = f"{sys.executable} {file} {{port}} 0.0.0.0"
        servers = ((shouting, b"HELLO!"), (command, b"hello"), ("select", b"hello"), (with_a_port, b"hello"))
        for server, said in servers:
            with b.start(server) as running, a.socket() as client:
                client.connect(running.address)
                client.sendall(b"hello")
                assert client.recv(100) == said
        with pytest.raises(iomux.ServerError, match=r"which no other host reaches: let it listen at 0\.0\.0\.0"):
            b.start(f"{sys.executable} {file} {{port}} 127.0.0.1")


def test_a_function_runs_inside_and_what_it_prints_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    class Mine:
        """A class of a cell."""

    def double(number: int) -> tuple[int, type]:
        print("doubling")
        os.system("echo a program")
        return 2 * number, Mine

    def divide() -> float:
        print("dividing", end=" ")
        return 1 / 0

    with iomux.network() as (a, _):
        assert a.run(double, 21)[0] == 42
        assert capsys.readouterr().out.splitlines() == ["doubling", "a program"]
        with pytest.raises(RuntimeError, match=r"(?s)the function divide failed:.*dividing.*ZeroDivisionError"):
            a.run(divide)
        with pytest.raises(TookTooLong, match="the function sleep did not come back within 0 s"):
            a.run(time.sleep, 60, seconds=0.2)
        with pytest.raises(RuntimeError, match=r"cannot pickle|can't be pickled"):
            a.run(lambda: (number for number in range(3)))
        assert a.run(os.getuid) == os.getuid()


def test_what_a_function_has_printed_is_told_when_it_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    class Patient(Reports):
        def next(self, seconds: float) -> Any:
            assert eventually(lambda: read_log(self._log).endswith("got\n"))
            return super().next(seconds)

    def hang() -> None:
        print("how far it got")
        time.sleep(600)

    monkeypatch.setattr(host, "Reports", Patient)
    with iomux.network() as (a, _), pytest.raises(TookTooLong, match=r"within 0 s: it was ended\nhow far it got$"):
        a.run(hang, seconds=0)


def test_sockets_are_the_hosts_own() -> None:
    with iomux.network() as (a, b), b.listen() as listener, a.socket() as client:
        assert listener.getsockname()[0] == b.address
        client.connect(listener.getsockname())
        served, peer = listener.accept()
        with served:
            assert peer[0] == a.address
        with a.socket(socket.SOCK_DGRAM) as near, b.socket(socket.SOCK_DGRAM) as far:
            far.bind((b.address, 0))
            near.sendto(b"a datagram", far.getsockname())
            assert far.recv(100) == b"a datagram"
        with pytest.raises(OSError, match="Invalid argument"):
            a.socket(77)
        with a.socket() as other, pytest.raises(OSError, match="Cannot assign requested address"):
            other.bind((b.address, 0))


def test_nothing_reaches_the_machine_outside() -> None:
    with iomux.network() as (a, _), iomux.listen() as outside, a.socket(timeout=1) as client:
        with pytest.raises(ConnectionRefusedError):  # its own loopback
            client.connect(outside.getsockname())
        with a.socket(timeout=1) as other, pytest.raises(OSError, match="Network is unreachable"):
            other.connect(("192.0.2.1", 80))


def test_load_elsewhere_is_refused() -> None:
    with iomux.network() as (a, b), iomux.network() as (c, _), b.start("poll") as server:
        for address in (server, server.address, f"{b.address}:80"):
            with pytest.raises(ValueError, match="not a loopback address"):
                iomux.load(address)
        with pytest.raises(ValueError, match="is no server in a host of this network"):
            c.load(server)
        with iomux.start("poll") as outside, pytest.raises(ValueError, match="is no server in a host of this network"):
            a.load(outside)
        with pytest.raises(ValueError, match="'poll' is no server in a host of this network"):
            a.load("poll")  # type: ignore[arg-type]
        assert a.load(server, duration=0.1).requests > 0


def test_a_server_that_ends_is_told() -> None:
    with iomux.network() as (a, b):
        server = b.start("poll")
        os.kill(server.pid, 9)
        assert eventually(lambda: not server.alive)
        with pytest.raises(iomux.ServerError, match="was ended by SIGKILL"):
            a.load(server)
        server.stop()


def test_hosts_have_the_settings_that_many_connections_need() -> None:
    def setting(name: str) -> str:
        return Path("/proc/sys/net", name).read_text()

    with iomux.network() as network:
        host = network[1]
        if network.notes:
            pytest.skip("; ".join(network.notes))
        assert host.run(setting, "ipv4/ip_local_port_range").split() == ["1024", "65535"]
        assert host.run(setting, "ipv4/tcp_no_metrics_save").split() == ["1"]
        assert host.run(setting, "ipv4/tcp_orphan_retries").split() == ["1"]


def test_hosts_at_different_distances_make_different_latencies() -> None:
    with iomux.network(hosts=4) as network, network[0].start("poll") as server:
        medians = []
        for host, delay in zip(network.hosts[1:], (5, 20, 60), strict=True):
            host.link.delay_ms = delay
            medians.append(float(np.median(host.load(server, duration=0.4).response_ns)) / 1e6)
    assert all(median >= delay for median, delay in zip(medians, (5, 20, 60), strict=True))
    assert medians == sorted(medians)


def test_several_networks_at_once_have_different_addresses() -> None:
    with iomux.network() as (a, b), iomux.network(delay_ms=5) as (c, d):
        assert len({host.address for host in (a, b, c, d)}) == 4
        with b.start("poll") as near, d.start("poll") as far:
            assert a.load(near, duration=0.1).errors == c.load(far, duration=0.1).errors == {}


def test_a_sweep_runs_between_two_hosts() -> None:
    with iomux.network(delay_ms=5) as network:
        frame = iomux.sweep(["select", "poll"], [1, 5], repeats=1, duration=0.2, progress=False, network=network)
        assert list(frame["server"]) == ["select", "poll"] * 2
        assert not frame["reason"].any()
        assert (frame["p50_us"] >= 10_000).all()
        with iomux.start("poll") as outside, pytest.raises(ValueError, match="is no server in a host of this network"):
            iomux.sweep(f"127.0.0.1:{outside.address[1]}", [1], progress=False, network=network)
    with pytest.raises(RuntimeError, match="the network was stopped"):
        iomux.sweep("poll", [1], repeats=1, duration=0.2, progress=False, network=network)
