"""Fixtures of the browser tests: one Chromium and one JupyterLab for each file of tests, and a screenshot folder.

Without Playwright or Chromium the tests are skipped, and the summary says what to install; with
IOMUX_BROWSER=required (as in .ci/run) they fail. IOMUX_SCREENSHOTS names the folder for the screenshots.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.lab import MARK, Lab, lab, left, wait_until
from tests.support.required import do_without

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
_INSTALL = (
    "`.venv/bin/pip install -e '.[lab,browser]'`, and Debian's `chromium` or `.venv/bin/playwright install chromium`"
)


_do_without = partial(do_without, install=_INSTALL, variable="IOMUX_BROWSER")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """A headless Chromium, driven by Playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _do_without("Playwright")
    mark = secrets.token_hex(8)
    with sync_playwright() as playwright:
        program = chromium(playwright)
        if program is None:
            _do_without("Chromium")
        started = playwright.chromium.launch(
            executable_path=program, args=ARGUMENTS.split(), env={**os.environ, MARK: mark}
        )
        yield started
        started.close()
    wait_until(lambda: not left(mark), "Chromium's processes have ended")


def chromium(playwright: "Playwright") -> str | None:
    """The path of a Chromium: the system's, or one from `playwright install chromium`."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    own: str = playwright.chromium.executable_path
    return own if Path(own).exists() else None


@pytest.fixture(scope="module")
def course(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a copy of the notebooks; not started without a browser."""
    pytest.importorskip("jupyterlab", reason=f"JupyterLab is missing: {_INSTALL}")
    with lab(tmp_path_factory.mktemp("course")) as running:
        yield running


@pytest.fixture
def pictures(tmp_path_factory: pytest.TempPathFactory, record_property: Callable[[str, object], None]) -> Path:
    """The folder in which screenshots are kept; the terminal's summary names it."""
    given = os.environ.get("IOMUX_SCREENSHOTS")
    folder = Path(given).absolute() if given else tmp_path_factory.getbasetemp() / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    record_property("screenshots", str(folder))
    return folder
