"""Links: what is sent arrives, and late, or not at all, as it was asked; and what a report counts."""

import fcntl
import os
import signal
import socket
import struct
import time

import pytest

import iomux
from iomux.networks.host import Host
from tests.support.clients import eventually

pytestmark = pytest.mark.usefixtures("works")


def pair(a: Host, b: Host) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection between two hosts."""
    with b.listen(timeout=10) as listener:
        near = a.socket()
        near.connect(listener.getsockname())
        far, _ = listener.accept()
    far.settimeout(10)
    near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return near, far


def trip_s(near: socket.socket, far: socket.socket) -> float:
    """How long a byte needs to the other end and back."""
    began = time.perf_counter()
    near.sendall(b"x")
    assert far.recv(1) == b"x"
    far.sendall(b"y")
    assert near.recv(1) == b"y"
    return time.perf_counter() - began


def datagrams(a: Host, b: Host, count: int, size: int = 100) -> list[int]:
    """Send numbered datagrams; return the numbers of those that arrive, in their order."""
    with a.socket(socket.SOCK_DGRAM) as near, b.socket(socket.SOCK_DGRAM, timeout=0) as far:
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        far.bind((b.address, 0))
        for number in range(count):
            near.sendto(number.to_bytes(4) + bytes(size - 4), far.getsockname())
        assert eventually(lambda: a.link.report().packets >= count and not a.link.report().in_flight)
        numbers = []
        while True:
            try:
                numbers.append(int.from_bytes(far.recv(size)[:4]))
            except BlockingIOError:
                return numbers


def test_a_round_trip_takes_both_delays_and_a_connection_takes_one_round_trip() -> None:
    with iomux.network(delay_ms=10) as (a, b), b.listen() as listener, a.socket() as client:
        began = time.perf_counter()
        client.connect(listener.getsockname())
        assert time.perf_counter() - began >= 0.02
        near, far = pair(a, b)
        with near, far:
            assert min(trip_s(near, far) for _ in range(5)) >= 0.02


def test_each_host_has_a_link_of_its_own() -> None:
    with iomux.network(hosts=3) as (a, b, c):
        a.link.delay_ms, b.link.delay_ms, c.link.delay_ms = 5, 10, 40
        (near, far), (nearer, farther) = pair(a, b), pair(a, c)
        with near, far, nearer, farther:
            assert trip_s(near, far) >= 0.015
            assert trip_s(nearer, farther) >= 0.045


def test_the_delay_is_changed_while_it_runs() -> None:
    with iomux.network() as network:
        near, far = pair(*network)
        with near, far:
            network.link.delay_ms = 50
            assert network[0].link.delay_ms == network.link.delay_ms == 50
            assert trip_s(near, far) >= 0.1
            network[1].link.delay_ms = 0
            assert trip_s(near, far) >= 0.05
            with pytest.raises(ValueError, match=r"differs from link to link: \[50\.0, 0\.0\]; ask the link"):
                _ = network.link.delay_ms


def test_nothing_overtakes_when_the_delay_becomes_less() -> None:
    with iomux.network(delay_ms=300) as (a, b), a.socket(socket.SOCK_DGRAM) as near, b.socket(socket.SOCK_DGRAM) as far:
        far.bind((b.address, 0))
        near.sendto(b"first", far.getsockname())
        assert eventually(lambda: a.link.report().in_flight == 1)
        a.link.delay_ms = 0
        near.sendto(b"second", far.getsockname())
        assert [far.recv(10), far.recv(10)] == [b"first", b"second"]


def test_all_bytes_arrive_over_a_lossy_link() -> None:
    sent = os.urandom(300_000)
    with iomux.network(delay_ms=1, loss=0.03, seed=1) as network:
        near, far = pair(*network)
        with near, far:
            near.settimeout(60)
            far.settimeout(60)
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            near.sendall(sent)
            near.shutdown(socket.SHUT_WR)
            got = b"".join(iter(lambda: far.recv(1 << 16), b""))
        assert got == sent
        assert network.link.report().lost > 0


def test_the_same_seed_loses_the_same_packets() -> None:
    arrived = []
    for seed in (3, 3, 4):
        with iomux.network(loss=0.3, seed=seed) as network:
            a, b = network
            arrived.append(datagrams(a, b, 200))
            report = network[0].link.report()
        assert report.lost == 200 - len(arrived[-1])
        assert report.delivered == len(arrived[-1])
    assert arrived[0] == arrived[1] != arrived[2]
    assert 100 < len(arrived[0]) < 180


@pytest.mark.parametrize("whose", [0, 1])
def test_a_cut_link_tells_nobody_and_what_was_sent_arrives_when_it_is_mended(whose: int) -> None:
    with iomux.network() as network:
        near, far = pair(*network)
        with near, far:
            link = network[whose].link
            link.cut()
            assert link.is_cut
            near.sendall(b"are you there?")
            far.settimeout(0.5)
            with pytest.raises(TimeoutError):
                far.recv(64)
            link.mend()
            far.settimeout(30)
            assert far.recv(64) == b"are you there?"
            assert link.report().cut + network[1 - whose].link.report().cut > 0


def test_a_connect_over_a_cut_link_ends_with_a_time_out_in_words() -> None:
    with iomux.network() as (a, b), b.listen() as listener, a.socket(timeout=0.3) as client:
        b.link.cut()
        with pytest.raises(TimeoutError, match="timed out"):
            client.connect(listener.getsockname())


def test_what_does_not_fit_into_the_queue_is_dropped_and_counted() -> None:
    with iomux.network(rate_mbit=1, queue_bytes=5_000) as (a, b):
        arrived = datagrams(a, b, 50, size=972)  # with their headers packets of 1,000 bytes
        report = a.link.report()
    assert 5 <= len(arrived) < 50
    assert arrived == sorted(arrived)
    assert (report.packets, report.bytes) == (50, 50_000)
    assert report.queue_full == 50 - len(arrived)
    assert report.doubts == ()


def test_a_link_sends_no_faster_than_its_rate() -> None:
    with iomux.network(rate_mbit=8) as (a, b):
        near, far = pair(a, b)
        with near, far:
            began = time.perf_counter()
            near.sendall(bytes(100_000))
            left = 100_000
            while left:
                left -= len(far.recv(left))
            assert time.perf_counter() - began >= 0.1 * 0.9  # the first packet leaves at once, whatever its size
        a.link.rate_mbit = None
        assert a.link.rate_mbit is None


def test_a_report_accounts_for_every_packet() -> None:
    with iomux.network(hosts=3, delay_ms=2, loss=0.1, seed=5) as network, network[1].start("poll") as server:
        network[0].load(server, connections=5, duration=0.3)
        before = network.link.report()
        network[2].link.cut()
        with network[0].socket(socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", (network[2].address, 9))
            sock.sendto(b"x", (network[0].address.rpartition(".")[0] + ".200", 9))
        assert eventually(lambda: network.link.report().in_flight == 0)
        whole, since, later = network.link.report(), network.link.report(since=before), network.link.report()
    for report in (whole, before, since):
        parts = (report.delivered, report.lost, report.queue_full, report.cut, report.nowhere, report.wire_full)
        assert report.packets == sum(parts) + report.in_flight - (before.in_flight if report is since else 0)
    assert whole.packets <= before.packets + since.packets <= later.packets  # the kernel repeats what was lost
    assert since.cut + since.nowhere + since.lost >= 2
    assert whole.late_us["p50"] <= whole.late_us["p99"] <= whole.late_us["max"]
    assert "packets" in str(whole)


def test_what_a_device_drops_is_seen_and_a_doubt() -> None:
    """The wire is stopped, so that the device's own queue fills up."""
    with iomux.network() as network:
        a, b = network
        wire = network._parts.pid("wire")
        os.kill(wire, signal.SIGSTOP)
        try:
            for _ in range(80):
                with a.socket(socket.SOCK_DGRAM, timeout=0) as near:
                    fill(near, b.address)
        finally:
            os.kill(wire, signal.SIGCONT)
        report = a.link.report()
    assert report.device_full > 0
    assert any("dropped in a host's device" in doubt for doubt in report.doubts)


def fill(sock: socket.socket, address: str) -> None:
    """Send until the socket's buffer is full; what lies in the device counts."""
    for _ in range(1000):
        try:
            sock.sendto(b"x", (address, 9))
        except BlockingIOError:
            return


def test_a_device_that_was_taken_down_gets_nothing_and_harms_nobody() -> None:
    def take_down() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, 0x8914, struct.pack("=16sH22x", b"tun0", 0))  # SIOCSIFFLAGS: no IFF_UP

    with iomux.network(hosts=3) as (a, b, c):
        b.run(take_down)
        with a.socket(socket.SOCK_DGRAM) as near:
            near.sendto(b"x", (b.address, 9))
        assert eventually(lambda: a.link.report().nowhere == 1)
        near, far = pair(a, c)
        with near, far:
            trip_s(near, far)
