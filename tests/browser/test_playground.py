"""The playground's controls in a real browser: choose, start, watch, stop, and again."""

from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.browser.lab import NOTEBOOKS, Lab, left
from tests.browser.page import Tab, tab
from tests.support.notebooks import read

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(600)
NAME = "13_playground.ipynb"
CONTROLS = next(cell.source for cell in read(NOTEBOOKS / NAME).cells if cell.cell_type == "code")
"""The page's first cell: it alone brings the controls."""
_SECONDS = 120_000
_DIFFERS = """([selector, before, what]) => {
    const now = document.querySelector(selector)?.[what];
    return now && now !== before;
}"""


def servers(course: Lab) -> list[psutil.Process]:
    """The processes that the kernel has started: servers, and their load generators."""
    kernels = [one for one in left(course.mark) if "ipykernel_launcher" in " ".join(one.cmdline())]
    return [child for kernel in kernels for child in kernel.children(recursive=True)]


def choose(page: Tab, label: str, value: str) -> None:
    page.find(f".iomux-playground .widget-dropdown:has(label:text-is('{label}')) select").select_option(value)


def press(page: Tab, name: str) -> None:
    page.find(f".iomux-playground button:has-text('{name}'):enabled").click()


def next_one(page: Tab, selector: str, what: str, before: str) -> str:
    """Wait until a property of an element has changed; return the new value."""
    page.page.wait_for_function(_DIFFERS, arg=[selector, before, what], timeout=_SECONDS)
    return str(page.page.evaluate("([selector, what]) => document.querySelector(selector)[what]", [selector, what]))


def in_view(page: Tab, selector: str) -> bool:
    """Whether the whole of an element lies in the visible part of the notebook."""
    shown, panel = page.find(selector).first.bounding_box(), page.find(".jp-WindowedPanel-outer").bounding_box()
    assert shown, "it is not displayed"
    assert panel, "the notebook is not displayed"
    return bool(panel["y"] <= shown["y"] and shown["y"] + shown["height"] <= panel["y"] + panel["height"])


def play(page: Tab, course: Lab, mechanism: str, idle: str) -> None:
    """One round: choose, start, watch two changes of text and picture, stop; no process is left."""
    choose(page, "Mechanism", mechanism)
    choose(page, "Idle connections", idle)
    picture = ".iomux-playground-figure"
    words, drawn = "", str(page.find(picture).first.get_attribute("src"))
    press(page, "Start")
    page.find(".iomux-playground-reading", has_text=f"{mechanism}, {idle} idle").wait_for(timeout=_SECONDS)
    for _ in range(2):
        words = next_one(page, ".iomux-playground-reading", "innerText", words)
        drawn = next_one(page, picture, "src", drawn)
        assert f"{mechanism}, {idle} idle + 1 active" in words
    assert page.page.evaluate("selector => document.querySelector(selector).naturalWidth", picture) > 0
    assert in_view(page, picture), "after Start the figure is not in view"
    assert servers(course), "the reading changed, but no server is running"
    press(page, "Stop")
    page.find(".iomux-playground-status", has_text="stopped").wait_for(timeout=_SECONDS)
    assert servers(course) == []


def test_the_controls_start_and_stop_real_servers(browser: "Browser", course: Lab, pictures: "Path") -> None:
    with tab(browser, course.page(NAME), pictures / "playground-failed.png") as page:
        page.wait_for(course.path(NAME))
        page.run_up_to(CONTROLS)
        page.find(".iomux-playground").wait_for()
        play(page, course, "poll", "1,000")
        play(page, course, "epoll", "2,000")
        errors: list[dict[str, Any]] = [
            output for cell in page.cells() for output in cell.get("outputs", []) if output["output_type"] == "error"
        ]
        page.photograph(pictures / "13_playground-played")
    course.end_kernels()
    assert errors == []
    assert page.complaints == []
