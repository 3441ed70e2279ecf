"""`iomux.copy_cost`: bytes arrive or are discarded, the copy is the difference, a missing measurement has a row."""

import math
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import iomux
from iomux.figures.copying.copy_cost import name_lines
from iomux.figures.look.style import new_axes
from iomux.harness.copying import copy_calls
from iomux.harness.copying.copy_calls import WAYS, CopyBench, Trial
from iomux.harness.copying.copy_result import CopyCost
from iomux.harness.copying.copy_rounds import measure
from iomux.system.features import available
from iomux.system.units import size_name
from tests.support.figures import texts_outside

SIZES = [64, 4096, 16384, 65536]
MIB = 1024 * 1024
needs_trunc = pytest.mark.skipif(
    not available("msg_trunc"), reason="only Linux discards a stream's bytes under MSG_TRUNC"
)


@pytest.fixture(scope="module")
def cost() -> CopyCost:
    """A short measurement."""
    return iomux.copy_cost(SIZES, repeats=5, progress=False)


@pytest.fixture
def bench() -> Iterator[CopyBench]:
    """A connection, its memory and its file."""
    made = CopyBench(65536)
    yield made
    made.close()


def rows(frame: pd.DataFrame, how: str) -> pd.DataFrame:
    return frame[frame["how"] == how].set_index("size_bytes")


def test_one_row_a_way_and_size(cost: CopyCost) -> None:
    frame = cost.frame
    assert list(frame.columns) == [
        *("side", "how", "size_bytes", "median_us", "p25_us", "p75_us", "min_us", "samples", "short", "reason"),
    ]
    assert list(zip(frame["how"], frame["size_bytes"], strict=True)) == [(how, size) for how in WAYS for size in SIZES]
    assert {how: known.side for how, known in WAYS.items()} == dict(zip(frame["how"], frame["side"], strict=True))
    assert frame.attrs["machine"] == cost.machine != ""


def test_rows_are_made_of_the_raw_samples(cost: CopyCost) -> None:
    measured = cost.frame[cost.frame["reason"] == ""]
    assert len(measured) == len(cost.samples) >= 4 * len(SIZES)
    assert (measured["samples"] == 5).all(), "one sample a round"
    assert sum(raw.sum() for raw in cost.samples.values()) > 0
    row: dict[Any, Any]
    for row in measured.to_dict("records"):
        raw = cost.samples[row["how"], row["size_bytes"]]
        assert raw.dtype == np.int64
        assert (raw >= 0).all(), "a clock may be too coarse for one short call"
        assert row["median_us"] == np.median(raw) / 1000
        assert row["min_us"] == raw.min() / 1000 <= row["p25_us"] <= row["median_us"] <= row["p75_us"]


@pytest.mark.parametrize("how", [how for how, known in WAYS.items() if not known.needs or available(known.needs)])
@pytest.mark.parametrize("size", [1, 4096, 65536])
def test_every_way_moves_every_byte_to_where_it_belongs(bench: CopyBench, how: str, size: int) -> None:
    trial = WAYS[how].way(bench, size)
    bench.wipe(size)
    assert trial.ready() == ""
    result = trial.call()
    assert trial.moved(result) == size
    trial.settle(size)
    assert trial.intact(result)
    place = bench.landing if how in ("send", "sendfile") else bench.target
    if how not in ("recv", "recv_into MSG_TRUNC"):
        assert place[:size] == bench.payload[:size]


@needs_trunc
def test_msg_trunc_counts_the_bytes_and_leaves_the_memory_alone(bench: CopyBench) -> None:
    trial = copy_calls.discard(bench, 65536)
    assert trial.ready() == ""
    bench.target[:65536] = b"\xaa" * 65536
    assert trial.call() == 65536
    assert not trial.intact(65536), "the check of the measurement must notice that this memory was not written"
    assert bench.target[:65536] == b"\xaa" * 65536
    assert bench.loopback.waiting() == 65536, "and they are still in the kernel"
    link = bench.loopback
    assert link.near.recv_into(bench.target, 65536, socket.MSG_TRUNC) == 65536, "taken, they are gone unseen, too"
    assert bench.target[:65536] == b"\xaa" * 65536
    assert link.waiting() == 0


def test_an_unaligned_destination_gets_the_same_bytes(bench: CopyBench) -> None:
    trial = copy_calls.recv_into(bench, 4096, offset=8)
    bench.wipe(4096)
    assert trial.ready() == ""
    assert trial.call() == 4096
    assert bench.target[:8] == bytes(8)
    assert bench.target[8 : 8 + 4096] == bench.payload[:4096]


def test_all_bytes_wait_before_the_call_whatever_waited_before(bench: CopyBench) -> None:
    for size in (10, 65536, 1):
        assert bench.loopback.hold(bench.payload[:size]) == ""
        assert bench.loopback.waiting() == size
        bench.loopback.take(size)
        assert bench.landing[:size] == bench.payload[:size]
        assert bench.loopback.waiting() == 0


def test_bytes_that_are_not_what_was_sent_are_an_error() -> None:
    def wrong(bench: CopyBench, size: int) -> Trial:
        return copy_calls.recv_into(bench, size)._replace(intact=lambda _: False)

    with pytest.raises(RuntimeError, match="wrong of 64 bytes: the bytes in memory"):
        measure({"wrong": wrong}, [64], rounds=1)


def test_a_call_that_falls_short_is_no_sample() -> None:
    calls = iter([7, 7, 7])

    def sometimes(bench: CopyBench, size: int) -> Trial:
        trial = copy_calls.memcpy(bench, size)
        return trial._replace(moved=lambda _: next(calls, size))

    seen = measure({"never": lambda b, s: copy_calls.memcpy(b, s)._replace(moved=lambda _: 7)}, [64], rounds=2)
    assert not seen.samples["never", 64]
    assert "one call moved 7 of 64 bytes" in seen.reasons["never", 64]
    seen = measure({"sometimes": sometimes}, [64], rounds=2)
    assert len(seen.samples["sometimes", 64]) == 2
    assert seen.reasons["sometimes", 64] == ""


def test_a_size_that_exceeds_the_buffer_has_a_reason() -> None:
    small = CopyBench(MIB, buffer_bytes=16 * 1024)
    try:
        reason = copy_calls.recv_into(small, MIB).ready()
        assert reason.startswith("of 1,048,576 bytes ")
        assert "fit in the socket's receive buffer: SO_RCVBUF is" in reason
        assert small.loopback.waiting() == 0, "what was sent has been taken out again"
        assert copy_calls.recv_into(small, 512).ready() == "", "a size that fits can still be measured"
        assert 0 < copy_calls.send(small, MIB).call() < MIB, "nonblocking: a part is sent, nothing hangs"
    finally:
        small.close()


def test_a_size_that_does_not_fit_is_a_row() -> None:
    cost = iomux.copy_cost([64, 64 * MIB], repeats=1, progress=False)
    received = rows(cost.frame, "recv_into")
    assert list(received["reason"] == "") == [True, False]
    assert "fit in the socket's receive buffer" in received["reason"][64 * MIB]
    assert received.loc[64 * MIB, ["median_us", "p25_us", "p75_us", "min_us"]].isna().all()
    assert received["samples"][64 * MIB] == 0
    assert rows(cost.frame, "memcpy")["reason"][64 * MIB] == ""
    assert "recv_into, 64 MiB: not measured: of 67,108,864 bytes" in str(cost)


def test_a_missing_feature_is_a_row_and_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "msg_trunc,sendfile")
    cost = iomux.copy_cost(SIZES, repeats=1, progress=False)
    for how in WAYS:
        hidden = how in ("recv_into MSG_TRUNC", "sendfile")
        assert rows(cost.frame, how)["reason"].str.contains("IOMUX_WITHOUT").eq(hidden).all()
        assert rows(cost.frame, how)["median_us"].isna().eq(hidden).all()
        assert math.isnan(cost.slopes[how]) == hidden
    ax = iomux.plot.copy_cost(cost)
    assert "recv_into MSG_TRUNC" not in {text.get_text() for text in ax.texts}
    plt.close("all")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"sizes": []}, "sizes is empty: give one or more"),
        ({"sizes": [64, 0]}, "sizes has 0 in it: a call is timed with 1 to 67,108,864 bytes"),
        ({"sizes": [64 * MIB + 1]}, "sizes has 67,108,865 in it"),
        ({"sizes": [1.5]}, "sizes has 1.5 in it: give whole numbers"),
        ({"sizes": [True]}, "sizes has True in it: give whole numbers"),
        ({"sizes": None}, "sizes is None: give a whole number"),
        ({"sizes": "64"}, "sizes is '64': give a whole number"),
        ({"sizes": ["64"]}, "sizes has '64' in it: give whole numbers"),
        ({"sizes": True}, "sizes is True: give a whole number"),
        ({"repeats": 0}, "repeats is 0: choose 1 to 10,000"),
        ({"repeats": 10_001}, "repeats is 10001: choose 1 to 10,000"),
        ({"repeats": 2.5}, "repeats is 2.5: give a whole number"),
        ({"repeats": True}, "repeats is True: give a whole number"),
    ],
)
def test_impossible_arguments_are_a_clear_error(options: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        iomux.copy_cost(**options)


def test_one_size_and_the_same_size_twice() -> None:
    assert set(iomux.copy_cost(64, repeats=1, progress=False).frame["size_bytes"]) == {64}
    twice = iomux.copy_cost([64, 64], repeats=1, progress=False).frame
    assert list(rows(twice, "memcpy").index) == [64]
    of_numpy = iomux.copy_cost(np.array([64, 128]), repeats=1, progress=False).frame  # type: ignore[arg-type]
    assert list(rows(of_numpy, "memcpy").index) == [64, 128]


def of_curves(receive: Callable[[float], float], call: Callable[[float], float]) -> CopyCost:
    """The result of a simulated machine: µs of a receive by its KiB, with the copy and without it."""
    ways = {"recv_into": receive, "recv_into MSG_TRUNC": call}
    rows = [(how, 64 * 4**power, us(4**power / 16)) for how, us in ways.items() for power in range(9)]
    frame = pd.DataFrame(rows, columns=["how", "size_bytes", "median_us"]).assign(side="receive", samples=1, reason="")
    return CopyCost(frame.assign(p25_us=frame["median_us"], p75_us=frame["median_us"]), "a machine", {})


LINE = of_curves(lambda kib: 1.2 + 0.1 * kib, lambda kib: 1.2)
BENT = of_curves(lambda kib: 1.2 + 0.1 * kib**1.5, lambda kib: 1.2)
"""A machine on which a copy of many bytes costs more per byte."""
NO_COPY = of_curves(lambda kib: 1.2, lambda kib: 1.2)
ALL_COPY = of_curves(lambda kib: 1.2 + 0.1 * kib, lambda kib: 0.1)


def test_the_cost_of_the_copy_is_the_difference_to_the_call_without_it() -> None:
    of_64_kib = LINE.by_size.loc[64 * 1024]
    assert of_64_kib["receive_us"] == pytest.approx(1.2 + 6.4)
    assert of_64_kib["call_us"] == pytest.approx(1.2)
    assert of_64_kib["copy_us"] == pytest.approx(6.4)
    assert of_64_kib["share"] == pytest.approx(6.4 / 7.6)
    assert of_64_kib["copy_gb_per_s"] == pytest.approx(10.24)


def test_the_crossing_lies_where_the_share_passes_one_half_on_a_line_as_on_a_curve() -> None:
    assert 4 * 1024 < LINE.crossover_bytes < 16 * 1024, "12 KiB, read off between the two"
    assert 4 * 1024 < BENT.crossover_bytes < 16 * 1024, "5.2 KiB: 0.1 * 5.2 ** 1.5 is 1.2"
    assert "on the copy outweighs the call" in str(BENT)
    assert BENT.crossover_bytes < LINE.crossover_bytes


@pytest.mark.parametrize("cost", [NO_COPY, ALL_COPY])
def test_where_the_share_does_not_pass_one_half_there_is_no_crossing(cost: CopyCost) -> None:
    assert math.isnan(cost.crossover_bytes)
    assert "outweighs" not in str(cost)
    assert "nan" not in str(cost)


def test_a_share_above_one_half_by_chance_is_no_crossing() -> None:
    frame = LINE.frame.copy()
    frame.loc[(frame["how"] == "recv_into") & (frame["size_bytes"] == 64), "median_us"] = 10.0
    assert CopyCost(frame, "a machine", {}).crossover_bytes == pytest.approx(LINE.crossover_bytes)


def test_without_the_control_there_is_a_time_and_no_share() -> None:
    alone = CopyCost(LINE.frame[LINE.frame["how"] == "recv_into"], "a machine", {})
    assert alone.by_size["receive_us"].notna().all()
    assert alone.by_size[["call_us", "copy_us", "share", "copy_gb_per_s"]].isna().all(axis=None)
    assert math.isnan(alone.crossover_bytes)
    assert str(alone) == "a machine"


def test_an_unmeasurable_copy_has_no_speed_and_no_negative_share() -> None:
    cost = of_curves(lambda kib: 1.0, lambda kib: 1.1)
    assert cost.by_size["copy_gb_per_s"].isna().all()
    assert "64 B: 1.0 µs, without the copy 1.1: 0% is the copy" in str(cost)


def test_the_slope_is_the_cost_of_a_kib_between_4_kib_and_1_mib() -> None:
    assert LINE.slopes["recv_into"] == pytest.approx(100.0)
    assert LINE.slopes["recv_into MSG_TRUNC"] == pytest.approx(0.0)
    odd = LINE.frame.copy()
    odd.loc[~odd["size_bytes"].between(4096, MIB), "median_us"] = 1e6
    assert CopyCost(odd, "a machine", {}).slopes["recv_into"] == pytest.approx(100.0), (
        "what lies outside does not count"
    )


@pytest.mark.parametrize("sizes", [[64, 4096], [262_144, MIB], [64, 4 * MIB]])
def test_sizes_too_few_or_too_near_each_other_have_no_slope(sizes: list[int]) -> None:
    few = CopyCost(LINE.frame[LINE.frame["size_bytes"].isin(sizes)], "a machine", {})
    assert few.slopes.isna().all()


def test_all_ticks_of_the_figure_differ() -> None:
    frame = LINE.frame.iloc[:1]
    frame = pd.concat([frame.assign(size_bytes=size) for size in range(4096, 4100)])
    ax = iomux.plot.copy_cost(CopyCost(frame, "a machine", {}))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["4 KiB"]
    plt.close("all")


@pytest.mark.parametrize(
    ("size", "name"),
    [
        (64, "64 B"),
        (1000, "1000 B"),
        (1536, "1.5 KiB"),
        (12 * 1024 + 5, "12 KiB"),
        (102_300, "100 KiB"),
        (MIB, "1 MiB"),
    ],
)
def test_sizes_are_written_with_units(size: int, name: str) -> None:
    assert size_name(size) == name


def test_a_result_displays_itself_as_text_and_html(cost: CopyCost) -> None:
    assert repr(cost) == str(cost)
    assert cost.machine in str(cost)
    assert all(size_name(size) in str(cost) for size in (SIZES[0], SIZES[-1])) == available("msg_trunc")
    assert "<table" in cost._repr_html_()
    assert cost.machine in cost._repr_html_()


@pytest.mark.parametrize("side", ["receive", "send"])
def test_the_figure_is_whole_and_labelled(cost: CopyCost, side: Any) -> None:
    ax = iomux.plot.copy_cost(cost, side=side)
    measured = cost.frame[cost.frame["side"].isin([side, "memory"]) & (cost.frame["reason"] == "")]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert ax.get_ylabel() == "time of a call, µs (log scale)"
    assert set(measured["how"]) <= {text.get_text() for text in ax.texts}, "lines are named where they end"
    assert len(ax.collections) == measured["how"].nunique(), "a band for each way"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["64 B", "4 KiB", "16 KiB", "64 KiB"]
    for how, of_it in measured.groupby("how"):
        line = next(line for line in ax.lines if line.get_label() == how)
        assert np.allclose(np.asarray(line.get_ydata(), dtype=float), of_it["median_us"])
    looks = [(line.get_color(), line.get_marker()) for line in ax.lines if line.get_label() in set(measured["how"])]
    assert len({color for color, _ in looks}) == len({marker for _, marker in looks}) == len(looks)
    assert cost.machine in iomux.plot.caption(ax)
    assert not texts_outside(ax)
    plt.close("all")


def test_the_crossing_is_drawn() -> None:
    ax = iomux.plot.copy_cost(LINE)
    words = f"from {size_name(LINE.crossover_bytes)} on\nthe copy outweighs the call"
    assert any(text.get_text() == words for text in ax.texts)
    assert any(np.allclose(np.asarray(line.get_xdata(), dtype=float), LINE.crossover_bytes) for line in ax.lines)
    assert not any("outweighs" in text.get_text() for text in iomux.plot.copy_cost(NO_COPY).texts)
    plt.close("all")


def test_lines_that_end_in_one_place_are_named_in_one_row() -> None:
    ends = [(4.0, 100.0, "one", "#111111"), (4.0, 101.0, "two", "#222222"), (4.0, 20.0, "three", "#333333")]
    ax = new_axes(None)
    for x, y, name, color in ends:
        ax.plot([1, x], [1, y], color=color, label=name)
    ax.set_yscale("log")
    name_lines(ax, ends)
    ax.get_figure(root=True).canvas.draw()  # type: ignore[union-attr]
    one, two, three = (next(t for t in ax.texts if t.get_text() == name).get_window_extent() for _, _, name, _ in ends)
    assert abs((one.y0 + one.y1) / 2 - (two.y0 + two.y1) / 2) < 1
    assert two.x0 > one.x1
    assert three.y1 < one.y0
    plt.close("all")


def test_the_figure_draws_into_given_axes_and_knows_two_sides(cost: CopyCost) -> None:
    _, given = plt.subplots()
    assert iomux.plot.copy_cost(cost, ax=given) is given
    up: Any = "up"
    with pytest.raises(ValueError, match="side is 'up': choose from receive, send"):
        iomux.plot.copy_cost(cost, side=up)
    plt.close("all")


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc to count descriptors in")
def test_no_descriptor_is_left_open() -> None:
    before = set(os.listdir("/proc/self/fd"))
    measure({"recv_into": copy_calls.recv_into}, [64], rounds=1)
    assert set(os.listdir("/proc/self/fd")) == before
