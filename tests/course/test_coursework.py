"""Notebook 12: each model solution gets all points, and each starter fails as the notebook shows."""

import ast
import inspect
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest

import iomux
from iomux.conformance.check import NAMES
from iomux.course.coursework import chat, solutions, starter
from iomux.servers import get
from tests.support.required import LONG

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "12_coursework.ipynb"
needs_epoll = pytest.mark.skipif(not get("epoll").available(), reason=get("epoll").why_not())


def cells(kind: str) -> list[str]:
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


@pytest.fixture(scope="module")
def starters() -> dict[str, Any]:
    """The names that the notebook's cells define: only cells with imports and definitions are run."""
    namespace: dict[str, Any] = {"__name__": "coursework_notebook"}
    for source in cells("code"):
        if all(isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef) for node in ast.parse(source).body):
            exec(source, namespace)
    return namespace


MODELS = {
    "select": starter.serve_select,
    "poll": solutions.serve_poll,
    "epoll": solutions.serve_edge_triggered,
}


@pytest.fixture(scope="module")
def reports() -> dict[str, iomux.Report]:
    """The check of the given server and of the solutions, in parallel: most of a check is waiting.

    Two of the three have the same loop, that of the page: each is tried with one half of the items.
    """
    items = {"select": NAMES[::2], "poll": (NAMES[0], *NAMES[1::2]), "epoll": NAMES}
    here = {name: some for name, some in items.items() if get(name).available()}

    def report(name: str) -> iomux.Report:
        return iomux.check(MODELS[name], NAMES if LONG else here[name], progress=False)

    with ThreadPoolExecutor() as pool:
        return dict(zip(here, pool.map(report, here), strict=True))


@pytest.mark.timeout(600)  # the fixture's time counts as the first test's
@pytest.mark.parametrize("name", MODELS)
def test_the_given_server_and_the_solutions_get_all_points(reports: dict[str, iomux.Report], name: str) -> None:
    if reason := get(name).why_not():
        pytest.skip(reason)
    report = reports[name]
    report.raise_if_failed()
    assert report.earned == report.points - sum(report[name].points for name in report.not_seen)


def test_the_unfinished_poll_server_does_not_echo(starters: dict[str, Any]) -> None:
    report = iomux.check(starters["serve_poll"], only=["echoes", "bulk"], progress=False)
    assert report.failed == ("echoes",)
    assert report.not_seen == ("bulk",)
    assert report.earned == 0


@needs_epoll
def test_the_unfinished_edge_triggered_server_fails_half_close(starters: dict[str, Any]) -> None:
    report = iomux.check(starters["serve_edge_triggered"], only=["echoes", "half-close"], progress=False)
    assert report.failed == ("half-close",)
    assert report.earned == report["echoes"].points


def test_the_unfinished_chat_room_passes_nothing_on(starters: dict[str, Any]) -> None:
    report = iomux.check_chat(starters["serve_chat"], only=["passes-on", "memory"], progress=False)
    assert report.failed == ("passes-on",)
    assert report.not_seen == ("memory",)


@pytest.mark.parametrize(
    "thing",
    [solutions.serve_poll, solutions.serve_edge_triggered, chat.Room, chat.serve_chat],
    ids=lambda t: t.__name__,
)
def test_the_notebook_folds_out_the_solutions_that_are_tested(thing: Any) -> None:
    folded = "\n".join(text for text in cells("markdown") if "<details>" in text)
    assert inspect.getsource(thing).strip() in folded
