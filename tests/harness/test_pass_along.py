"""`iomux.pass_along`: exact numbers of bytes, one row for each run, and a complete, labelled figure."""

import contextlib
import select
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
