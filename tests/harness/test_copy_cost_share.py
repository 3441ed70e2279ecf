"""The share of the copy in a call, from curves that are known: the crossing, the slope, and where there is none."""

import math
from collections.abc import Callable

import pandas as pd
import pytest

from iomux.harness.copying.copy_result import CopyCost
from tests.harness.test_copy_cost import MIB


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
