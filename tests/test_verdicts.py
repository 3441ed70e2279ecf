"""Verdicts: what held, what did not, and what was not tried."""

import pytest

import iomux


def test_a_verdict_says_what_held(capsys: pytest.CaptureFixture[str]) -> None:
    iomux.verdict("two is more than one", lambda: 2 > 1)
    iomux.verdict("one is more than two", lambda: 1 > 2)
    assert capsys.readouterr().out == "two is more than one: True\none is more than two: False\n"


def test_a_value_is_no_claim(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TypeError, match="holds is True: give a function"):
        iomux.verdict("two is more than one", True)  # type: ignore[arg-type]
    assert capsys.readouterr().out == ""


def test_what_is_missing_is_not_tried(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "poll")
    iomux.verdict("poll is quick", lambda: pytest.fail("was tried"), needs=["poll"])
    assert iomux.choose("select", "poll") == ["select"]
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("poll is quick: not tried here (poll: hidden")
    assert out[1].startswith("poll is left out: hidden")


def test_what_needs_more_descriptors_than_there_are_is_not_tried(capsys: pytest.CaptureFixture[str]) -> None:
    iomux.verdict("a crowd is served", lambda: pytest.fail("was tried"), connections=50_000_000)
    assert capsys.readouterr().out.startswith("a crowd is served: not tried here (50,000,000 connections need more")


def test_a_name_that_is_not_registered_is_a_clear_error() -> None:
    with pytest.raises(LookupError, match="no server is called"):
        iomux.choose("pole")


def test_choose_leaves_out_what_a_process_may_not_open(capsys: pytest.CaptureFixture[str]) -> None:
    assert iomux.choose("poll", connections=10) == ["poll"]
    assert iomux.choose("poll", connections=5_000_000) == []
    assert "poll is left out: 5,000,000 connections need more descriptors" in capsys.readouterr().out


def test_a_verdict_may_need_a_facility(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "splice")
    iomux.verdict("quicker", lambda: 1 / 0, ["splice"])
    assert (
        capsys.readouterr().out
        == "quicker: not tried here (splice: hidden by the environment variable IOMUX_WITHOUT)\n"
    )
