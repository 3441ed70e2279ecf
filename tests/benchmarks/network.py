"""The benchmark `network`: how exactly the wire keeps a round trip, how much it carries, and how soon it is gone."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import partial

import numpy as np
from tqdm.auto import trange

import iomux
from tests.benchmarks.runs import Runs
from tests.benchmarks.show import Figure, Line, at_least, at_most
from tests.support.processes import marked

TRIPS_MS = {0: 1.0, 2: 4.0, 20: 25.0}
"""The round trips that are asked for, and for how many seconds each is measured: more than 1,000 times."""
HANDSHAKES = 100
BULK_SECONDS = 2.0
OWNER = (
    "import iomux, time; hosts = iomux.network(); hosts[1].start('poll'); print('made', flush=True); time.sleep(600)"
)


def network(rounds: int) -> Iterator[Line]:
    """Round trips of one client over the wire against the ones asked for; packets a second; connects; what is left."""
    seen: dict[str, list[float]] = defaultdict(list)
    runs = Runs(rounds * len(TRIPS_MS))
    for _ in trange(rounds, leave=False):
        for trip, seconds in TRIPS_MS.items():
            _trips(seen, trip, seconds, runs)
        _bulk(seen)
        _connects(seen)
        _left(seen)
    bounds = {"median": at_most(0.15), "99 %": at_most(1.5)}
    for trip in TRIPS_MS:
        for name, bound in bounds.items():
            what = f"a round trip of {trip} ms takes longer, {name}"
            yield Figure(what, seen[f"{trip} {name}"], "ms", bound)
        yield Figure(f"a handshake over {trip} ms takes longer, median", seen[f"{trip} handshake"], "ms")
        yield from runs.doubts(f"a round trip of {trip} ms")
    yield Figure("packets for each second of the wire's processor time", seen["cpu"], "", at_least(100_000))
    yield Figure("packets a second of the clock, one bulk flow", seen["clock"])
    yield Figure("that flow", seen["rate"], "MB/s")
    yield Figure("300 connections over 20 ms opened in", seen["connects"], "s", at_most(0.12))
    yield Figure("two hosts made in", seen["made"], "s")
    yield Figure("nothing left after a kill -9 of the owner for", seen["left"], "s", at_most(1.0))


def _trips(seen: dict[str, list[float]], trip: int, seconds: float, runs: Runs) -> None:
    began = time.perf_counter()
    with iomux.network(delay_ms=trip / 2) as (a, b):
        seen["made"].append(time.perf_counter() - began)
        with b.start("epoll" if "epoll" in iomux.names() else "poll") as server:
            run = runs.of(f"a round trip of {trip} ms", partial(a.load, server, duration=seconds))
            shakes = a.run(handshakes, server.address, HANDSHAKES)
    times = run.response_ns / 1e6
    assert times.min() >= trip
    seen[f"{trip} median"].append(float(np.median(times)) - trip)
    seen[f"{trip} handshake"].append(1000 * float(np.median(shakes)) - trip)
    seen[f"{trip} 99 %"].append(float(np.percentile(times, 99)) - trip)


def handshakes(address: tuple[str, int], count: int) -> list[float]:
    """The seconds of each connect: one round trip, in which no program of the server has a part (tcp(7))."""
    took = []
    for _ in range(count):
        began = time.perf_counter()
        with socket.create_connection(address):
            took.append(time.perf_counter() - began)
    return took


def _bulk(seen: dict[str, list[float]]) -> None:
    with iomux.network() as hosts, hosts[1].start(sink) as server:
        before = hosts.link.report()
        sent = hosts[0].run(pour, server.address, BULK_SECONDS)
        report = hosts.link.report(since=before)
    seconds = report.reading.at_s - before.reading.at_s
    seen["cpu"].append(report.packets / (report.wire_share * seconds))
    seen["clock"].append(report.packets / BULK_SECONDS)
    seen["rate"].append(sent / BULK_SECONDS / 1e6)


def sink(listener: socket.socket) -> None:
    """Serve one client after the other: read all that it sends."""
    room = bytearray(1 << 20)
    while True:
        with listener.accept()[0] as client:
            while client.recv_into(room):
                pass


def pour(address: tuple[str, int], seconds: float) -> int:
    """Send for so long; return how many bytes the kernel has taken."""
    data, sent, until = bytes(1 << 16), 0, time.monotonic() + seconds
    with socket.create_connection(address) as sock:
        while time.monotonic() < until:
            sent += sock.send(data)
    return sent


def _connects(seen: dict[str, list[float]]) -> None:
    with iomux.network(delay_ms=10) as (a, b), b.start("poll") as server:
        seen["connects"].append(a.load(server, connections=300, active=1, duration=0.1).connect_s)


def _left(seen: dict[str, list[float]]) -> None:
    mark = f"network benchmark of {os.getpid()}"
    environment = {**os.environ, "IOMUX_MARK": mark}
    with subprocess.Popen([sys.executable, "-c", OWNER], env=environment, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        killed = time.perf_counter()
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        while marked(mark):
            time.sleep(0.001)
        seen["left"].append(time.perf_counter() - killed)
