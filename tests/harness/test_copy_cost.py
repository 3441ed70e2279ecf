"""`iomux.copy_cost`: bytes arrive or are discarded, the copy is the difference, a missing measurement has a row."""

import math
import os
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import iomux
from iomux.harness.copying import copy_calls
from iomux.harness.copying.copy_calls import WAYS, CopyBench
from iomux.harness.copying.copy_result import CopyCost
from iomux.harness.copying.copy_rounds import measure

SIZES = [64, 4096, 16384, 65536]
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def cost() -> CopyCost:
    """A short measurement."""
    return iomux.copy_cost(SIZES, repeats=5, progress=False)


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


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc to count descriptors in")
def test_no_descriptor_is_left_open() -> None:
    before = set(os.listdir("/proc/self/fd"))
    measure({"recv_into": copy_calls.recv_into}, [64], rounds=1)
    assert set(os.listdir("/proc/self/fd")) == before
