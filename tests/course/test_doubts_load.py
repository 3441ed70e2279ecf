"""07b says "not to be told here" where other programs kept the cores, whatever its figures are, and only there.

The worlds in which its verdicts turn False are in `tests/course/falsifiers/pages/page_07b.py`.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pandas as pd
import pytest

from tests.course.falsifiers.pages.page_07b import DOUBT, KNEES, PAGE, loaded, loops, slowed, theory, waited
from tests.course.falsifiers.world import World, said

RIGHT: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("load-verdicts", DOUBT, waited()),
    ("load-seventy-verdict", DOUBT, slowed(0.5, 0.01)),
    ("load-closed-verdict", DOUBT, loops(300, 600)),
    ("load-knee-verdicts", (), loaded()),
    ("load-knee-verdict", KNEES, loaded()),
]
WAITS, LOADS = RIGHT[:3], RIGHT[3:]


def answers(cases: Iterable[tuple[str, tuple[str, ...], dict[str, Any]]], **changed: Any) -> set[bool | None]:
    """All that these cells say where some of their names have other values."""
    worlds = [World("", cell, {}, partial(dict, names | changed), before) for cell, before, names in cases]
    return {answer for world in worlds for answer in said(PAGE, world).values()}


def test_measured_well_everything_is_said_and_true() -> None:
    assert answers(RIGHT) == {True}


@pytest.mark.parametrize("crowd", [lambda share: 900.0, lambda share: 9_000 * share], ids=["level", "straight"])
def test_no_wait_is_judged_where_a_request_alone_took_too_long(crowd: Callable[[float], float]) -> None:
    assert answers(WAITS, runs=waited(crowd)["runs"], alone=3 * waited()["alone"]) == {None}


def test_a_plan_with_few_clumps_is_no_fault_of_the_server() -> None:
    """The wait of a lucky plan is far below the formula's, and is judged by what that plan predicts."""
    lucky = waited(lambda share: 0.4 * theory(share), planned=lambda share: 0.4 * theory(share))
    assert answers(RIGHT[:1], **lucky) == {True}


def test_of_several_runs_the_one_counts_that_was_least_disturbed_and_not_the_one_with_the_luckiest_plan() -> None:
    held_up = waited(lambda share: 10 * theory(share), planned=lambda share: theory(share) / 2)["runs"]
    assert answers(RIGHT[:1], runs=pd.concat([held_up, waited()["runs"]], ignore_index=True)) == {True}


def test_no_wait_is_judged_where_the_machine_disturbed_the_runs() -> None:
    assert answers(WAITS, runs=waited()["runs"].assign(disturbed=True)) == {None}


def test_no_knee_is_judged_where_the_machine_disturbed_the_runs() -> None:
    assert answers(LOADS, loads=loaded()["loads"].assign(disturbed=True)) == {None}


def test_no_knee_is_judged_where_even_the_lowest_rate_was_too_much() -> None:
    loads = loaded()["loads"]
    assert answers(LOADS, loads=loads.assign(p50_us=20 * loads["p50_us"])) == {None}
