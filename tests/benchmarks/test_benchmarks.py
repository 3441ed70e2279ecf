"""The bounds of benchmarks are judged correctly, and docs/measured.md names every benchmark. Nothing is timed here."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import show
from tests.benchmarks.show import Bound, Figure, Line

ROOT = Path(__file__).parents[2]
MEASURED = (ROOT / "docs" / "measured.md").read_text()
SHORT = (ROOT / "README.md").read_text().partition("## Measured")[2].partition("\n## ")[0]
NAN = math.nan


@pytest.mark.parametrize(
    ("bound", "values", "met"),
    [
        (show.at_least(10), [1, 10, 99], True),
        (show.at_least(10), [1, 9.9, 99], False),
        (show.at_most(1.5), [1, 1.5, 99], True),
        (show.at_most(1.5), [1, 1.6, 99], False),
        (show.between(0.75, 1.25), [0, 0.75, 99], True),
        (show.between(0.75, 1.25), [0, 1.25, 99], True),
        (show.between(0.75, 1.25), [0, 0.7, 99], False),
        (show.between(0.75, 1.25), [0, 1.3, 99], False),
        (show.never_more_than(0), [0, 0, 0], True),
        (show.never_more_than(0), [0, 0, 1], False),
        (show.never_less_than(0), [0, 1, 1], True),
        (show.never_less_than(0), [-1, 1, 1], False),
        (show.at_least(0), [1, NAN, 2], False),
        (show.at_most(9), [], False),
    ],
)
def test_a_bound_is_judged_by_the_median_or_by_every_round(bound: Bound, values: list[float], met: bool) -> None:
    assert Figure("made up", values, bound=bound).met is met


def test_a_line_ends_with_the_bound_and_whether_it_is_met() -> None:
    assert str(Figure("this", [1, 2, 3], "µs", show.at_most(2))).endswith("of 3 rounds)  at most 2: met")
    assert str(Figure("this", [1, 2, 3], "µs", show.at_least(10_000))).endswith("3 rounds)  at least 10,000: NOT MET")
    assert str(Figure("this", [], "µs", show.at_most(2))).endswith("not measured  at most 2: NOT MET")
    assert str(Figure("this", [1, 2, 3], "µs")).endswith(
        "2.000 µs       (1.000 to 3.000, least to greatest of 3 rounds)"
    )


def test_what_just_misses_a_bound_does_not_look_as_if_it_met_it() -> None:
    assert " 1.197 " in str(Figure("this", [1.197], bound=show.at_least(1.2)))
    assert " 0.015 " in str(Figure("this", [0.0153], bound=show.at_most(0.03)))


def test_one_round_has_no_spread() -> None:
    assert str(Figure("this", [1], "%")).endswith("1.000 %        (one round)")


def test_from_six_rounds_on_the_interval_is_that_of_the_median() -> None:
    nine = Figure("this", [9, 1, 2, 3, 4, 5, 6, 7, 8])
    assert str(nine).endswith("(2.000 to 8.000, 95 % interval of the median, 9 rounds)")


def made_up(rounds: int) -> Iterator[Line]:
    """Two of three bounds are met."""
    yield Figure("without a bound", [1.0] * rounds)
    yield Figure("fast", [1.0] * rounds, "µs", show.at_most(2))
    yield "a remark"
    yield Figure("slow", [3.0] * rounds, "µs", show.at_most(2))
    yield Figure("right", [0.0] * rounds, bound=show.never_more_than(0))


def all_well(_: int) -> Iterator[Line]:
    """The one bound is met."""
    yield Figure("fast", [1.0], "µs", show.at_most(2))


def broken(_: int) -> Iterator[Line]:
    """This machine lacks something."""
    yield "so far"
    raise RuntimeError("no io_uring")


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("IOMUX_AGAINST", raising=False)
    monkeypatch.setattr(benchmarks, "BENCHMARKS", {"well": (all_well, 1), "untraced": (made_up, 1)})
    return monkeypatch


def test_an_unmet_bound_is_reported_and_the_status_is_1(
    theirs: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs.setitem(benchmarks.BENCHMARKS, "made_up", (made_up, 3))
    assert benchmarks.main(["made_up"]) == 1
    printed = capsys.readouterr().out
    assert printed.endswith("made_up      2 of 3 bounds met; not met: slow\nstatus 1\n")
    assert "a remark\n" in printed
    assert printed.count("of 3 rounds)") == 4
    benchmarks.main(["made_up", "--rounds", "2"])
    assert capsys.readouterr().out.count("of 2 rounds)") == 4


def test_the_status_is_0_if_all_bounds_are_met(theirs: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmarks.main(["well"]) == 0
    assert capsys.readouterr().out.endswith("well         1 of 1 bounds met\nstatus 0\n")
    assert benchmarks.main(["well", "untraced"]) == 0
    assert benchmarks.main(["untraced"]) == 1, "nothing was run"


def test_all_reports_the_benchmarks_that_it_leaves_out(
    theirs: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmarks.main(["all"]) == 0
    well, untraced, status = capsys.readouterr().out.splitlines()[-3:]
    assert re.fullmatch(r"well +1 of 1 bounds met", well)
    assert re.fullmatch(r"untraced +NOT RUN: .*IOMUX_AGAINST.*", untraced)
    assert status == "status 0"
    theirs.setenv("IOMUX_AGAINST", "elsewhere")
    assert benchmarks.main(["all"]) == 1, "now it is run, and one of its bounds is not met"


def test_all_continues_after_a_benchmark_that_fails(
    theirs: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs.setattr(benchmarks, "BENCHMARKS", {"broken": (broken, 1), "well": (all_well, 1)})
    assert benchmarks.main(["all"]) == 1
    broke, well, status = capsys.readouterr().out.splitlines()[-3:]
    assert re.fullmatch(r"broken +BROKEN OFF: RuntimeError: no io_uring", broke)
    assert well.endswith("1 of 1 bounds met")
    assert status == "status 1"


def rows(page: str) -> dict[str, str]:
    """The rows of each benchmark, by its name; a row without one belongs to the name above it."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in re.findall(r"^\| .*", page, re.MULTILINE):
        first, _, rest = line.removeprefix("| ").partition("|")
        names = re.findall(r"`([a-z_]+)`", first) or names
        for name in names:
            found[name] = found.get(name, "") + rest
    return found


def test_what_the_readme_says_in_short_is_said_at_length() -> None:
    short, long = rows(SHORT), rows(MEASURED)
    assert len(short) > 5
    for name in re.findall(r"^\| ([a-z_`, ]+) \|", SHORT, re.MULTILINE):
        group = re.findall(r"[a-z_]+", name)
        told = " ".join(long[one] for one in group)
        measured = short[group[0]].split("|")[1]
        assert set(re.findall(r"[\d.]+", measured)) <= set(re.findall(r"[\d.]+", told)), name


def test_the_page_names_every_benchmark_and_says_that_there_is_a_status() -> None:
    named = re.findall(r"^\| `([a-z_]+)(?: --rounds \d+)?` \|", MEASURED, re.MULTILINE)
    assert sorted(named) == sorted(benchmarks.BENCHMARKS)
    assert "`all`" in MEASURED
    assert "status 1" in MEASURED
