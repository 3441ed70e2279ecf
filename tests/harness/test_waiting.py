"""A waiting server in /proc, the memory of silent clients, and the CPU meter. Behaviour, no timings."""

import math
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import psutil
import pytest
from matplotlib.lines import Line2D

import iomux
from iomux.harness.cpu_meter import record_cpu
from iomux.harness.memory import memory_held
from iomux.system.features import SOCKETS_LIST
from iomux.system.procfs import asleep_in, queues
from tests.support.clients import connect, eventually
from tests.support.figures import texts_outside

linux = pytest.mark.skipif(not psutil.LINUX, reason="/proc is Linux's")


def goes_away(listener: socket.socket) -> None:
    """Serves one byte, and ends."""
    raise SystemExit(listener.accept()[0].recv(1))


def refuses_every_other(listener: socket.socket) -> NoReturn:
    """Answers its first client and every second one after it; closes the others."""
    clients = []
    while True:
        for serve in (True, False):
            clients.append(listener.accept()[0])
            if serve:
                clients[-1].sendall(clients[-1].recv(1))
            else:
                clients.pop().close()


@linux
def test_a_blocking_server_sleeps_where_the_kernel_waits_for_a_client_and_then_for_its_bytes() -> None:
    with iomux.start("blocking") as server:
        assert eventually(lambda: dict(asleep_in(server.pid)) == {"inet_csk_accept": 1})
        with connect(server.address):
            assert eventually(lambda: dict(asleep_in(server.pid)) == {"wait_woken": 1})


@linux
def test_a_threaded_server_sleeps_and_a_busy_waiting_one_does_not() -> None:
    with iomux.start("threaded") as server, connect(server.address), connect(server.address):
        assert eventually(lambda: sum(asleep_in(server.pid).values()) == 3)
    with iomux.start("nonblocking") as server:
        assert eventually(lambda: dict(asleep_in(server.pid)) == {"not asleep": 1})
    with pytest.raises(ProcessLookupError, match="is gone"):
        asleep_in(server.pid)


@linux
def test_the_second_client_waits_in_the_kernel_with_its_bytes() -> None:
    with iomux.start("blocking") as server, connect(server.address) as first, connect(server.address) as second:
        second.sendall(b"hello")
        seen: Any = None

        def all_three_wait() -> bool:
            nonlocal seen
            seen = queues(server.address).set_index("peer_port")
            ports = sorted([0, first.getsockname()[1], second.getsockname()[1]])
            return list(seen.index) == ports and seen["unread_bytes"].sum() == 6

        assert eventually(all_three_wait)
        assert seen.loc[0, ["state", "unread_bytes", "held"]].tolist() == ["LISTEN", 1, True]
        assert seen.loc[first.getsockname()[1], ["unread_bytes", "held"]].tolist() == [0, True]
        assert seen.loc[second.getsockname()[1], ["unread_bytes", "held"]].tolist() == [5, False]


@linux
def test_a_row_that_the_kernel_has_written_twice_is_there_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with iomux.start("blocking") as server, connect(server.address):
        assert eventually(lambda: len(queues(server.address)) == 2)
        head, *rows = Path(SOCKETS_LIST).read_text().splitlines(keepends=True)
        (tmp_path / "tcp").write_text(head + "".join(row for row in rows for _ in range(2)))
        monkeypatch.setattr("iomux.system.procfs.SOCKETS_LIST", str(tmp_path / "tcp"))
        assert len(queues(server.address)) == 2


def test_memory_held_counts_threads_and_unserved_clients() -> None:
    frame: Any = memory_held(["threaded", "poll"], 20).set_index("server")
    assert frame["threads"].to_list() == [21, 1]
    assert frame["unserved"].to_list() == [0, 0]
    assert memory_held(refuses_every_other, 4)["unserved"].item() == 2
    assert (frame["virtual_bytes"] > frame["rss_bytes"]).all()
    grown = frame["virtual_each_bytes"]
    assert grown["threaded"] > 64 * 1024  # a stack for each is reserved, ulimit -s
    assert grown["poll"] < grown["threaded"] / 4, "the heap may grow by an arena or two, of 1 MiB since Python 3.12"
    assert frame.attrs["machine"]


def test_more_than_a_process_may_open_is_a_row_with_its_reason() -> None:
    row = memory_held("poll", 100_000_000).iloc[0]
    assert "descriptors" in row["reason"]
    assert math.isnan(row["rss_bytes"])
    with pytest.raises(ValueError, match="at least 1"):
        memory_held("poll", 0)


def test_the_meter_shows_which_server_works_and_when() -> None:
    acts: list[tuple[str, Callable[[], object]]] = [("a", lambda: time.sleep(0.4)), ("b", lambda: time.sleep(0.4))]
    with iomux.start("nonblocking") as server:
        asking = record_cpu(server, *acts)
    with iomux.start("blocking") as server:
        waiting = record_cpu(server, *acts)
    assert list(dict.fromkeys(asking["act"])) == ["a", "b"]
    assert asking["at_s"].is_monotonic_increasing
    assert asking["cpu_share"].sum() > 0
    assert waiting["cpu_share"].max() < asking["cpu_share"].max()


def test_a_server_that_ends_during_metering_is_an_error() -> None:
    def ask() -> None:
        with connect(server.address) as client:
            client.sendall(b"?")
            client.recv(1)

    with pytest.raises(iomux.ServerError, match="goes_away"), iomux.start(goes_away) as server:
        record_cpu(server, ("ask", ask), ("wait", lambda: eventually(lambda: not server.alive)))


MACHINE = {"machine": "here"}


def frame_of(**columns: list[object]) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    frame.attrs.update(MACHINE)
    return frame


def test_figures_name_their_lines_and_leave_nothing_outside() -> None:
    held = frame_of(
        server=["threaded", "poll"] * 2,
        connections=[1, 1, 1000, 1000],
        rss_each_bytes=[24e3, 900.0, 22e3, 700.0],
        virtual_each_bytes=[9e6, 0.0, 8.6e6, 500.0],
        reason=[""] * 4,
    )
    for column, ends in (("rss_each_bytes", {"21.5", "0.7"}), ("virtual_each_bytes", {"8,398.4", "0.5"})):
        ax = iomux.plot.memory(held, column)
        assert {text.get_text() for text in ax.texts} > ends
        assert not texts_outside(ax)
    meter = frame_of(server=["poll"] * 3, at_s=[0.0, 0.1, 0.2], cpu_share=[0.0, 1.0, 0.5], act=["silent", "all", "all"])
    ax = iomux.plot.cpu_meter(meter)
    assert [text.get_text() for text in ax.texts][:2] == ["silent", "all"]
    assert not texts_outside(ax)
    ax = iomux.plot.work(frame_of(epoll=[50.0, 40.0], blocking=[30.0, 30.0], poll=[60.0, 60.0]))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["blocking", "epoll", "poll"]
    assert {"30.0 µs", "45.0 µs"} <= {text.get_text() for text in ax.texts}
    assert not texts_outside(ax)


def last_point(line: Line2D) -> list[float]:
    return [float(np.asarray(line.get_data()[axis])[-1]) for axis in (0, 1)]


def test_a_sleep_of_0_has_a_place_on_a_logarithmic_axis() -> None:
    frame = frame_of(pause_us=[0, 100, 10_000], p50_us=[60.0, 200.0, 10_200.0], cpu_share=[1.0, 0.2, 0.004])
    left, right = iomux.plot.pair()
    for ax, column, last in ((left, "p50_us", 10_200.0), (right, "cpu_share", 0.4)):
        iomux.plot.pauses(frame, column, ax)
        assert [label.get_text() for label in ax.get_xticklabels()] == ["none", "100 µs", "10 ms"]
        assert last_point(ax.lines[-1]) == pytest.approx([10_000, last])
        assert not texts_outside(ax)
    told = frame_of(server=["poll"], p50_us=[90.0], cpu_share=[0.001])
    ax = iomux.plot.trade(frame, told)
    assert last_point(ax.lines[1]) == pytest.approx([90, 0.1])
    assert "poll: sleeps until notified" in {text.get_text() for text in ax.texts}
    assert not texts_outside(ax)
    none = frame_of(server=["blocking", "poll"], p50_us=[90.0, 91.0], cpu_share=[0.0, 0.0])
    ax = iomux.plot.trade(frame, none)
    assert [last_point(line) for line in ax.lines[1:]] == [pytest.approx([90, 0.01]), pytest.approx([91, 0.01])]
    assert "poll: sleeps until notified (drawn at 0.01 %, is less)" in {text.get_text() for text in ax.texts}
    assert not texts_outside(ax)
