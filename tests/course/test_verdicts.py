"""Verdicts: printed for claims that held, that did not hold, and that were not tried."""

import configparser
import re
from pathlib import Path

import pytest

import iomux
from iomux.course.verdicts import unsteady

RULES = Path(__file__).parents[1] / "nbval.cfg"


def as_compared(line: str) -> str:
    """A line as nbval compares it: each of nbval's rules is applied to it, as to the stored line."""
    rules = configparser.ConfigParser()
    rules.read(RULES)
    for rule in rules.sections():
        line = re.sub(rules[rule]["regex"], rules[rule]["replace"], line)
    return line


def test_a_verdict_says_what_held(capsys: pytest.CaptureFixture[str]) -> None:
    iomux.verdict("two is more than one", lambda: 2 > 1)
    iomux.verdict("one is more than two", lambda: 1 > 2)
    assert capsys.readouterr().out == "two is more than one: True\none is more than two: False\n"


def test_a_value_instead_of_a_function_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TypeError, match="holds is True: give a function"):
        iomux.verdict("two is more than one", True)  # type: ignore[arg-type]
    assert capsys.readouterr().out == ""


def test_a_claim_is_not_tried_where_a_need_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "poll")
    iomux.verdict("poll is quick", lambda: pytest.fail("was tried"), needs=["poll"])
    assert iomux.choose("select", "poll") == ["select"]
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("poll is quick: not tried here (poll: hidden")
    assert out[1].startswith("poll is left out: hidden")


def test_a_claim_is_not_tried_without_enough_descriptors(capsys: pytest.CaptureFixture[str]) -> None:
    iomux.verdict("a crowd is served", lambda: pytest.fail("was tried"), connections=50_000_000)
    assert capsys.readouterr().out.startswith("a crowd is served: not tried here (50,000,000 connections need more")


def test_a_name_that_is_not_registered_is_a_clear_error() -> None:
    with pytest.raises(LookupError, match="no server is called"):
        iomux.choose("pole")


def test_choose_leaves_out_mechanisms_without_enough_descriptors(capsys: pytest.CaptureFixture[str]) -> None:
    assert iomux.choose("poll", connections=10) == ["poll"]
    assert iomux.choose("poll", connections=5_000_000) == []
    assert "poll is left out: 5,000,000 connections need more descriptors" in capsys.readouterr().out


def test_a_verdict_may_need_a_feature(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "splice")
    iomux.verdict("quicker", lambda: 1 / 0, ["splice"])
    assert (
        capsys.readouterr().out
        == "quicker: not tried here (splice: hidden by the environment variable IOMUX_WITHOUT)\n"
    )


def test_a_run_that_cannot_tell_says_why_and_passes(capsys: pytest.CaptureFixture[str]) -> None:
    iomux.verdict("quicker", lambda: pytest.fail("was asked"), doubt=lambda: "the generator (ours) was the bottleneck")
    line = capsys.readouterr().out
    assert line == "quicker: not to be told here (the generator (ours) was the bottleneck)\n"
    assert as_compared(line) == "quicker: True\n"


@pytest.mark.parametrize("holds", [True, False])
def test_without_a_doubt_the_verdict_is_printed(holds: bool, capsys: pytest.CaptureFixture[str]) -> None:
    iomux.verdict("quicker", lambda: holds, doubt=lambda: "")
    line = capsys.readouterr().out
    assert as_compared(line) == line == f"quicker: {holds}\n"


def test_a_claim_that_is_not_tried_is_not_doubted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "poll")
    iomux.verdict("quicker", lambda: True, ["poll"], doubt=lambda: pytest.fail("was asked"))
    assert as_compared(capsys.readouterr().out) == "quicker: True\n"


def test_a_control_is_unsteady_if_its_middle_half_is_as_wide_as_the_effect() -> None:
    assert unsteady([1.0, 1.1, 1.0, 9.0, 1.1, 1.0, 0.2, 1.0], 2) == "", "two stray rounds of eight are no doubt"
    assert unsteady([1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0], 2) == "rounds of the same differ 2.0 times"
    with pytest.raises(ValueError, match="3 rounds have no middle half"):
        unsteady([1.0, 1.0, 1.0], 2)


@pytest.mark.parametrize(
    ("control", "treated", "said"),
    [
        ([1.0, 1.1, 1.0, 1.1], 3.0, "True"),
        ([1.0, 1.1, 1.0, 1.1], 1.0, "False"),  # no effect, measured well: no doubt hides that
        ([1.0, 2.0, 1.0, 2.0], 1.0, "not to be told here (rounds of the same differ 2.0 times)"),
        ([1.0, 2.0, 1.0, 2.0], 3.0, "not to be told here (rounds of the same differ 2.0 times)"),
    ],
)
def test_a_doubt_does_not_depend_on_what_is_claimed(
    control: list[float], treated: float, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    holds = treated > 1.5 * control[0]
    iomux.verdict("dearer", lambda: holds, doubt=lambda: unsteady(control, 1.5))
    assert capsys.readouterr().out == f"dearer: {said}\n"
