"""The report of `iomux.check`: text, JSON, HTML, points, and errors for what can't be checked."""

import json
from pathlib import Path
from typing import Any

import pytest

import iomux
from tests.students.faults import answers_otherwise, serve_without_pause
from tests.support.checks import check


def test_a_report_says_the_same_each_time() -> None:
    first, second = (check(answers_otherwise, ("echoes", "pieces")) for _ in range(2))
    assert str(first) == str(second)
    assert first._repr_html_() == second._repr_html_()


@pytest.fixture(scope="module")
def failing() -> iomux.Report:
    return check(serve_without_pause, ("echoes", "back-pressure"))


def test_raise_if_failed_is_a_plain_assertion(failing: iomux.Report) -> None:
    with pytest.raises(AssertionError, match=r"1 of 2 items passed, 8 of 11 points[\s\S]*hint: What you can't send"):
        failing.raise_if_failed()
    check("poll", "echoes").raise_if_failed()


def test_json_holds_everything(failing: iomux.Report) -> None:
    told = json.loads(failing.to_json())
    assert (told["passed"], told["points"], told["earned"]) == (False, 11, 8)
    assert [result["status"] for result in told["results"]] == ["passed", "failed"]
    assert told["results"][1]["hint"] == failing["back-pressure"].hint


def test_html_shows_what_a_student_needs(failing: iomux.Report) -> None:
    page = failing._repr_html_()
    assert "took all 64 MiB" in page
    assert "send(2)" in page
    assert "<lambda>" not in check(lambda listener: listener.close(), "echoes")._repr_html_()


def test_an_unknown_item_is_a_clear_error() -> None:
    with pytest.raises(KeyError, match="no item 'nonsense'"):
        check("poll", "echoes")["nonsense"]


@pytest.mark.parametrize(
    ("target", "only", "error", "words"),
    [
        ("nonsense", None, LookupError, "no server is called 'nonsense'"),
        ("poll", "nonsense", LookupError, "choose from echoes, sizes, pieces"),
        ("poll", [], ValueError, "no item was chosen"),
        ("192.0.2.1:80", None, ValueError, "to this machine only"),
        ("127.0.0.1:1", None, ValueError, "nothing answers at 127.0.0.1:1: start the server first"),
        (42, None, TypeError, "a server is a name or a function"),
    ],
)
def test_what_can_not_be_checked_is_a_clear_error(target: Any, only: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        check(target, only)


def test_a_file_that_can_not_be_imported_is_an_import_error_without_a_chain(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def serve(\n")
    with pytest.raises(ImportError, match=r"mine.py can't be imported:\n.*line 1\n[\s\S]*never closed$") as caught:
        check(f"{tmp_path}/mine.py:serve")
    assert caught.value.__suppress_context__
