"""A notebook in a real browser: open it, run it, and look at what the reader sees.

JupyterLab's "idle" alone comes too early: the notebook is ready when its file is read, its session exists, and its
kernel has identified itself.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect, Locator, Page

HARMLESS: dict[str, str] = {}
"""Accepted messages of the console: a regular expression, and why the message is no fault of the course."""
WIDTH, HEIGHT = 1280, 900  # a small laptop's screen: what fits there fits everywhere
_PICTURE_HEIGHT = 2000
_OPEN_MS = 240_000  # in .ci/run it shares two cores with all other tests
_RUN_SECONDS = 400  # three run at once, and 07 takes a minute and a half alone
_FRONT = ".jp-NotebookPanel:not(.lm-mod-hidden)"

_READY = """async path => {
    await jupyterapp.restored;
    const panel = jupyterapp.shell.currentWidget;
    if (panel?.context?.path !== path) return false;
    await panel.context.ready;
    await panel.sessionContext.ready;
    return Boolean(await panel.sessionContext.session?.kernel?.info);
}"""
_RUN = """async seconds => await Promise.race([
    jupyterapp.commands.execute('notebook:run-all-cells'),
    new Promise((_, fail) => setTimeout(() => fail(new Error(`still running after ${seconds} s`)), seconds * 1000)),
])"""
_RUN_UP_TO = """async source => {
    const notebook = jupyterapp.shell.currentWidget.content;
    const index = notebook.model.sharedModel.cells.findIndex(cell => cell.source === source);
    if (index < 0) throw new Error(`no cell reads ${source}`);
    notebook.activeCellIndex = index + 1;
    await jupyterapp.commands.execute('notebook:run-all-above');
}"""
_UNSAVED = "() => jupyterapp.shell.currentWidget.context.model.dirty"
_CELLS = "() => jupyterapp.shell.currentWidget.context.model.toJSON().cells"
_ENDS = """panel => {
    panel.scrollTop = 0;
    const top = panel.getBoundingClientRect().top;
    return [...panel.querySelectorAll('.jp-Cell')].map(cell => cell.getBoundingClientRect().bottom - top);
}"""


@dataclass
class Tab:
    """A page of the browser, and the complaints of its console and scripts."""

    page: "Page"
    complaints: list[str] = field(default_factory=list)

    def find(self, selector: str, has_text: str | re.Pattern[str] | None = None) -> "Locator":
        """Elements of the notebook in front."""
        return self.page.locator(_FRONT).locator(selector, has_text=has_text)

    def wait_for(self, path: str) -> None:
        """Wait until the notebook with this path is in front and its kernel answers."""
        self.page.wait_for_function("() => window.jupyterapp", timeout=_OPEN_MS)
        self.find('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(timeout=_OPEN_MS)
        self.page.wait_for_function(_READY, arg=path, timeout=_OPEN_MS)

    def unsaved(self) -> bool:
        """Whether the notebook in front is marked as changed since it was read."""
        return bool(self.page.evaluate(_UNSAVED))

    def run_all(self) -> bool:
        """Run all cells of the notebook in front; return whether all of them succeeded."""
        return bool(self.page.evaluate(_RUN, _RUN_SECONDS))

    def run_up_to(self, source: str) -> None:
        """Run the cells of the notebook in front, from the first to the one with this source."""
        self.page.evaluate(_RUN_UP_TO, source)

    def cells(self) -> list[dict[str, Any]]:
        """The cells of the notebook in front with their outputs, as its file will have them."""
        cells: list[dict[str, Any]] = self.page.evaluate(_CELLS)
        return cells

    def photograph(self, stem: Path) -> None:
        """Keep the notebook in front as STEM-01.png, STEM-02.png, ... from its top to its end, cut between cells."""
        self.page.mouse.move(0, 0)  # an element under the mouse is drawn differently
        self.page.set_viewport_size({"width": WIDTH, "height": _PICTURE_HEIGHT})
        panel = self.find(".jp-WindowedPanel-outer")
        box = panel.bounding_box()
        assert box, "the notebook is not visible"
        for number, (top, end) in enumerate(_pieces(panel.evaluate(_ENDS), box["height"]), start=1):
            panel.evaluate("(panel, top) => { panel.scrollTop = top; }", top)
            clip: FloatRect = {"x": box["x"], "y": box["y"], "width": box["width"], "height": end - top}
            self.page.screenshot(path=f"{stem}-{number:02}.png", clip=clip)


def _pieces(ends: list[float], height: float) -> Iterator[tuple[float, float]]:
    """Cut a page whose cells end there into pieces of at most this height, between cells wherever that is possible."""
    top = 0.0
    while top < ends[-1]:
        whole = [end for end in ends if top < end <= top + height]
        end = whole[-1] if whole else top + height
        yield top, end
        top = end


@contextlib.contextmanager
def tab(browser: "Browser", url: str, failed: Path) -> Iterator[Tab]:
    """Open a page with separate cookies and storage; on an error a screenshot of it is kept in `failed`."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    context.set_default_timeout(_OPEN_MS)
    try:
        opened = Tab(context.new_page())
        opened.page.on("console", lambda message: _note(opened, message.type, message.text))
        opened.page.on("pageerror", lambda error: _note(opened, "error", f"page error: {error}"))
        opened.page.goto(url)
        try:
            yield opened
        except Exception:
            opened.page.screenshot(path=failed)
            raise
    finally:
        context.close()


def _note(tab: Tab, kind: str, text: str) -> None:
    if kind == "error" and not any(re.search(known, text) for known in HARMLESS):
        tab.complaints.append(text)
