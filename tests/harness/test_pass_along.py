"""`iomux.pass_along`: exact numbers of bytes, one row for each run, and a complete, labelled figure."""

import contextlib
import json
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import psutil
import pytest

import iomux
from iomux.harness.pass_along import PUBLISHED, PairRing
from iomux.servers import pollers
from iomux.servers.select_ import SelectPoller
from iomux.system.sockets import raise_descriptor_limit
from tests.support.clients import all_gone
from tests.support.commands import busy_children, iomux_command
from tests.support.figures import texts_outside

HERE = [name for name in pollers.names() if name in iomux.names()]


class Spy:
    """A `select.poll()` object that records its calls and their results."""

    def __init__(self) -> None:
        self.poller = select.poll()
        self.calls: list[str] = []
        self.told: list[int] = []
        self.unregister = self._seen("unregister")
        self.register = self._seen("register")
        self.modify = self.poller.modify

    def _seen(self, name: str) -> Any:
        def call(*arguments: int) -> None:
            self.calls.append(name)
            getattr(self.poller, name)(*arguments)

        return call

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        ready = self.poller.poll(timeout)
        self.told += [fd for fd, _ in ready]
        return ready


@pytest.mark.parametrize(("pairs", "active", "writes"), [(7, 3, 50), (5, 5, 0), (1, 1, 9), (128, 100, 1000)])
def test_exactly_as_many_bytes_are_read_as_were_put_in_and_written(pairs: int, active: int, writes: int) -> None:
    spy = Spy()
    with contextlib.ExitStack() as opened:
        ring = PairRing(spy, pairs, opened)
        for _ in range(3):
            spy.told.clear()
            assert ring.run(active, writes) > 0
            assert len(spy.told) == active + writes, "one byte is read whenever a pair is told to be readable"
            assert spy.poll(0) == [], "the ring is silent"


def test_a_byte_goes_on_to_the_next_pair_and_round_the_ring() -> None:
    spy = Spy()
    with contextlib.ExitStack() as opened:
        PairRing(spy, 3, opened).run(active=1, writes=7)
    order = list(dict.fromkeys(spy.told))
    assert len(order) == 3
    assert spy.told == [order[number % 3] for number in range(8)]


def test_the_first_bytes_are_put_in_at_even_distances() -> None:
    spy = Spy()
    with contextlib.ExitStack() as opened:
        ring = PairRing(spy, 10, opened)
        ring.run(active=10, writes=0)
        everyone, spy.told = spy.told, []
        ring.run(active=3, writes=0)
    assert sorted(spy.told) == sorted(everyone)[0:9:3]


def test_every_run_unregisters_and_registers_all_sockets() -> None:
    spy = Spy()
    with contextlib.ExitStack() as opened:
        ring = PairRing(spy, 4, opened)
        spy.calls.clear()
        ring.run(active=2, writes=5)
    assert spy.calls == ["unregister", "register"] * 4


@pytest.mark.parametrize("name", HERE)
def test_more_active_than_an_epoll_object_reports_at_once(name: str) -> None:
    raise_descriptor_limit()
    pairs = 400 if name == "select" else 1500
    with contextlib.ExitStack() as opened:
        assert PairRing(poller := pollers.make(name)[0], pairs, opened).run(active=pairs, writes=3 * pairs) > 0
        assert poller.poll(0) == []


def test_a_ring_that_can_not_be_made_leaves_no_descriptor() -> None:
    raise_descriptor_limit()
    before = psutil.Process().num_fds()
    with pytest.raises(ValueError, match="FD_SETSIZE"), contextlib.ExitStack() as opened:
        PairRing(SelectPoller(), 600, opened)
    assert psutil.Process().num_fds() == before


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """The published work, on small rings, with select's limit in it."""
    return iomux.pass_along(pairs=[128, 600], runs=5, progress=False)


def test_one_row_a_run(frame: pd.DataFrame) -> None:
    ran = frame[frame["reason"] == ""]
    counts = ran.groupby(["poller", "pairs"]).size().to_dict()
    able = [(name, pairs) for name in HERE for pairs in (128, 600) if (name, pairs) != ("select", 600)]
    assert counts == dict.fromkeys(able, 5)
    assert (ran["us"] > 0).all()
    assert list(ran[(ran["poller"] == "poll") & (ran["pairs"] == 128)]["run"]) == [0, 1, 2, 3, 4]
    assert set(frame["active"]) == {100}
    assert set(frame["writes"]) == {1000}
    assert frame.attrs["machine"]


def test_a_limit_is_one_row_with_its_reason(frame: pd.DataFrame) -> None:
    (limited,) = frame[(frame["poller"] == "select") & (frame["pairs"] == 600)].to_dict("records")
    assert "select cannot watch descriptor 1024: FD_SETSIZE" in limited["reason"]
    assert np.isnan(limited["us"])


def test_more_pairs_than_descriptors_is_a_row() -> None:
    before = psutil.Process().num_fds()
    frame = iomux.pass_along("poll", pairs=[8, 5_000_000], active=2, writes=3, runs=2, progress=False)
    assert list(frame["reason"] == "") == [True, True, False]
    assert "5,000,000 pairs" in frame["reason"].iloc[2]
    assert frame["us"].isna().tolist() == [False, False, True]
    assert psutil.Process().num_fds() == before


def test_a_poller_named_twice_runs_once() -> None:
    frame = iomux.pass_along(["poll", "poll"], pairs=[4, 4], active=1, writes=1, runs=2, progress=False)
    assert frame[["poller", "pairs", "run"]].to_numpy().tolist() == [["poll", 4, 0], ["poll", 4, 1]]


def test_a_hidden_poller_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "poll")
    frame = iomux.pass_along(["select", "poll"], pairs=8, active=2, writes=3, runs=1, progress=False)
    reasons = frame.set_index("poller")["reason"]
    assert reasons["select"] == ""
    assert "IOMUX_WITHOUT" in reasons["poll"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"pollers": "threaded"}, "no poller is called 'threaded': choose one of select, poll, epoll"),
        ({"pollers": []}, "no poller was named"),
        ({"pairs": []}, "pairs is"),
        ({"pairs": 0}, "pairs is"),
        ({"pairs": [128, 99]}, "active is 100: choose from 1 to pairs, which is 99"),
        ({"pairs": 128.0}, "pairs is 128.0: give a whole number"),
        ({"pairs": [4, True]}, "pairs has True in it: give whole numbers"),
        ({"pairs": True}, "pairs is True: give a whole number"),
        ({"pairs": None}, "pairs is None: give a whole number"),
        ({"active": True}, "active is True: give a whole number"),
        ({"writes": True}, "writes is True: give a whole number"),
        ({"runs": True}, "runs is True: give a whole number"),
        ({"active": 0}, "active is 0"),
        ({"writes": -1}, "writes is -1"),
        ({"writes": 10**9}, "writes is 1000000000"),
        ({"runs": 0}, "runs is 0"),
        ({"runs": 10**6}, "runs is 1000000"),
    ],
)
def test_impossible_arguments_are_a_clear_error(options: dict[str, Any], error: str) -> None:
    with pytest.raises((ValueError, LookupError), match=error):
        iomux.pass_along(**options)


def test_the_command_prints_a_table_with_the_limits(tmp_path: Path) -> None:
    csv, png = tmp_path / "rows.csv", tmp_path / "ring.png"
    done = iomux_command("bench", "select", "poll", "--ring", "600,5,20", "--csv", str(csv), "--plot", str(png))
    assert done.returncode == 0, done.stderr
    assert {"median_us", "least_us", "greatest_us"} <= set(done.stdout.splitlines()[0].split())
    assert done.stdout.splitlines()[1].split()[:4] == ["poll", "600", "5", "20"]
    assert "select with 600 pairs: select cannot watch" in done.stdout
    assert "measured on" in done.stdout
    assert len(csv.read_text().splitlines()) == 1 + 25 + 1
    assert png.read_bytes().startswith(b"\x89PNG")


def test_the_command_takes_every_poller_by_default_and_prints_raw_rows_as_json() -> None:
    rows: list[dict[str, Any]] = json.loads(iomux_command("bench", "--ring", "8,2,5", "--json").stdout)
    assert list(dict.fromkeys(row["poller"] for row in rows)) == pollers.names()
    assert [row["run"] for row in rows if row["poller"] == "poll"] == list(range(25))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ring", "8,2"], "is no ring: write it as 128,100,1000"),
        (["--ring", "8,2,x"], "is no ring"),
        (["--ring", "8,9,5"], "active is 9: choose from 1 to pairs"),
        (["threaded", "--ring", "8,2,5"], "no poller is called 'threaded'"),
        (["poll", "--ring", "8,2,5", "--rate", "5"], "--rate is for loading servers"),
        (["poll", "--ring", "8,2,5", "--size", "64"], "--size is for loading servers"),
        (["poll", "--ring", "8,2,5", "--plot", "x.xyz"], "is no picture"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(arguments: list[str], message: str) -> None:
    done = iomux_command("bench", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr


def test_an_interrupt_ends_quietly_and_leaves_nothing_behind() -> None:
    command = [sys.executable, "-m", "iomux", "bench", "poll", "--ring", "2000,1,1000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bench:
        started = busy_children(bench, 1)
        bench.send_signal(signal.SIGINT)
        out, err = bench.communicate(timeout=20)
    assert (bench.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert all_gone(started)


def test_the_figure_is_whole_and_labelled(frame: pd.DataFrame) -> None:
    ax = iomux.plot.pass_along(frame)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("socket pairs (log scale)", "a run, µs (log scale)")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    texts = {text.get_text() for text in ax.texts}
    assert set(HERE) <= texts
    assert any("FD_SETSIZE" in text for text in texts)
    assert frame.attrs["machine"] in iomux.plot.caption(ax)
    assert "bar: " in iomux.plot.caption(ax)
    assert not texts_outside(ax)
    line = next(line for line in ax.lines if line.get_label() == "poll")
    medians = frame[frame["poller"] == "poll"].groupby("pairs")["us"].median()
    assert np.allclose(np.asarray(line.get_ydata(), dtype=float), medians)
    plt.close("all")


def test_published_figures_are_drawn_only_next_to_the_same_work(frame: pd.DataFrame) -> None:
    ax = iomux.plot.pass_along(frame)
    published = {str(line.get_label()): line for line in ax.lines if "published" in str(line.get_label())}
    assert set(published) == {f"{name}, published" for name in PUBLISHED}
    assert set(published) <= {text.get_text() for text in ax.texts}
    for name, points in PUBLISHED.items():
        line = published[f"{name}, published"]
        drawn = [np.asarray(data, dtype=int).tolist() for data in (line.get_xdata(), line.get_ydata())]
        assert drawn == [list(points), list(points.values())]
        assert line.get_markerfacecolor() == "none"
    assert "i7-12800H" in iomux.plot.caption(ax), "the machine of the published figures"
    other = iomux.plot.pass_along(frame.assign(writes=7))
    assert not [line for line in other.lines if "published" in str(line.get_label())]
    assert not texts_outside(other)
    plt.close("all")


def test_an_interrupt_reports_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str, *_: object) -> tuple[list[float], str]:
        if name == "poll":
            raise KeyboardInterrupt
        return [1.0], ""

    monkeypatch.setattr("iomux.harness.pass_along._measure", interrupted)
    with pytest.raises(KeyboardInterrupt, match="1 of 2 rings were done, and are lost"):
        iomux.pass_along(["select", "poll"], pairs=4, active=1, writes=4, progress=False)
