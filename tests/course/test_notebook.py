"""Functions of one page that another one reuses: found by name, and servers built from them pass the check."""

import json
import select
from pathlib import Path

import pytest

import iomux
from iomux.course import notebook as pages
from iomux.solutions.pages import page_servers


def stored(tmp_path: Path, *cells: str) -> Path:
    page = tmp_path / "page.ipynb"
    kinds = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    page.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": ["def no_code(:"]}, *kinds]}))
    return page


def test_functions_are_found_by_name_in_the_requested_order(tmp_path: Path) -> None:
    page = stored(tmp_path, "import os\n\n\ndef one():\n    return 1", "x = 3\n\n\ndef two():\n    return 2")
    assert pages.source(page, "two", "one") == "def two():\n    return 2\n\n\ndef one():\n    return 1\n"


def test_the_last_definition_of_a_function_counts(tmp_path: Path) -> None:
    page = stored(tmp_path, "def one():\n    return 1", "def one():\n    return 'I'")
    assert pages.define(page, "one", within={})[0]() == "I"


def test_functions_find_what_they_call_in_the_calling_page(tmp_path: Path) -> None:
    page = stored(tmp_path, "def double():\n    return 2 * number()", "def number():\n    return 1")
    (double,) = pages.define(page, "double", within={"number": lambda: 21})
    assert double() == 42


def test_a_missing_function_is_an_error_that_lists_the_others(tmp_path: Path) -> None:
    page = stored(tmp_path, "def one():\n    return 1")
    with pytest.raises(LookupError, match=r"defines no function 'three': it has one"):
        pages.source(page, "one", "three")


WITH_DOCSTRING = """
    def double(number: int) -> int:
        '''Twice the number.

        Of any size.
        '''
        return 2 * number
"""


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (WITH_DOCSTRING, "\ndef double(number: int) -> int:\n    return 2 * number\n"),
        ("def one() -> int:\n    return 1\n", "def one() -> int:\n    return 1\n"),
    ],
)
def test_a_listing_leaves_the_docstring_out_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, written: str, shown: str
) -> None:
    monkeypatch.setattr("inspect.getsource", lambda _: written)
    assert pages.listing(stored) == shown


@pytest.mark.parametrize("page", ["04_select.ipynb", "05_poll.ipynb", "06_epoll.ipynb"])
def test_the_servers_of_the_pages_keep_the_contract(page: str) -> None:
    if page == "06_epoll.ipynb" and not hasattr(select, "epoll"):
        pytest.skip("this system has no epoll")
    items = ("echoes", "half-close", "end", "reset", "mid-reset", "slow-reader")
    report = iomux.check(page_servers.server(page)["serve"], only=items, progress=False)
    assert [result.status for result in report.results] == ["passed"] * len(items), str(report)


def test_a_page_without_a_server_says_so() -> None:
    with pytest.raises(LookupError, match=r"builds no server .* choose one of 04_select\.ipynb"):
        page_servers.server("00_start_here.ipynb")
