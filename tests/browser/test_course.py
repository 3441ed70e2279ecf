"""Every notebook runs from top to bottom in JupyterLab, in a real browser, as for a reader."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.lab import FIRST, NOTEBOOKS, Lab
from tests.browser.page import Tab, tab
from tests.support.notebooks import read

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(600)  # the first test of a worker starts JupyterLab, too
_DRAWN = "images => images.map(image => image.complete && image.naturalWidth > 0 && image.clientWidth > 0)"


def outputs(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]


def figures(cells: list[dict[str, Any]]) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs(cells))


def unfold_answers(page: Tab) -> int:
    """Unfold all answers by clicking, as a reader does; return how many there were."""
    answers = page.find("details").all()
    for answer in answers:
        assert answer.get_attribute("open") is None, "an answer is visible before it is unfolded"
        answer.locator("> summary").click()
        assert answer.get_attribute("open") is not None
    return len(answers)


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs_and_looks_as_stored(path: Path, browser: "Browser", course: Lab, pictures: Path) -> None:
    stored = read(path).cells
    with tab(browser, course.page(path.name), pictures / f"{path.stem}-failed.png") as page:
        page.wait_for(course.path(path.name))
        unsaved = page.unsaved()
        ran = page.run_all()
        folded = unfold_answers(page)
        page.photograph(pictures / path.stem)
        cells = page.cells()
        drawn = page.find(".jp-OutputArea-output.jp-RenderedImage img").evaluate_all(_DRAWN)
    course.end_kernels()
    assert not unsaved, "opened and not changed, it asks to be saved"
    assert [output for output in outputs(cells) if output["output_type"] == "error"] == []
    assert ran, "notebook:run-all-cells says that a cell failed"
    assert [output for output in outputs(cells) if output.get("name") == "stderr"] == []
    assert drawn == [True] * figures(stored), f"drawn in the browser: {drawn}; stored: {figures(stored)}"
    assert folded == sum(cell.source.count("<details") for cell in stored if cell.cell_type == "markdown")
    assert page.complaints == []


def test_the_readmes_first_command_opens_00_and_its_links_open_01_and_a_solution(
    browser: "Browser", course: Lab, pictures: Path
) -> None:
    with tab(browser, course.opened, pictures / "readme-failed.png") as page:
        page.wait_for(course.path(FIRST))
        page.find("a", has_text=re.compile("^01 Blocking$")).click()
        page.wait_for(course.path("01_blocking.ipynb"))
        heading = page.find("h1", has_text="Blocking")
        heading.wait_for()  # a busy browser draws it after the tab is in front
        assert heading.inner_text() == "Blocking"
        unfold_answers(page)
        page.find("a", has_text="iomux/solutions/blocking.py").click()
        page.page.locator(".jp-FileEditor .cm-line", has_text="def exercise_1").wait_for()
    course.end_kernels()
    assert page.complaints == []
