"""07b says "not to be told here" where other programs kept the cores, whatever its figures are, and only there.

The worlds in which its verdicts turn False are in `tests/course/falsifiers/pages/page_07b.py`.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest

from tests.course.falsifiers.pages.page_07b import DOUBT, KNEES, PAGE, S, loaded, loops, slowed, waited
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
    assert answers(WAITS, runs=waited(crowd)["runs"], alone=4 * S) == {None}


def test_no_wait_is_judged_where_the_machine_disturbed_the_runs() -> None:
    assert answers(WAITS, runs=waited()["runs"].assign(disturbed=True)) == {None}


def test_no_knee_is_judged_where_the_machine_disturbed_the_runs() -> None:
    assert answers(LOADS, loads=loaded()["loads"].assign(disturbed=True)) == {None}


def test_no_knee_is_judged_where_even_the_lowest_rate_was_too_much() -> None:
    loads = loaded()["loads"]
    assert answers(LOADS, loads=loads.assign(p50_us=20 * loads["p50_us"])) == {None}
