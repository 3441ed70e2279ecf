"""Is the site accessible? `python -m tests.site.access build/site AXE`; AXE: `npm install --prefix build axe-core`.

axe-core looks at the front page, a notebook, the reference and the claims, light and dark, on a phone and on a laptop,
and once more without scripts; with `--all` at every page, which takes minutes. It prints each fault, and returns 1 if
one is serious or critical. A screenshot of each page is kept with `--pictures FOLDER`.
"""

import argparse
import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tqdm.auto import tqdm

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGES = (
    *("index", "index.zh", "README", "README.zh", "docs/claims", "docs/claims.zh", "docs/reference", "search"),
    *("docs/reference/measuring", "notebooks/06_epoll", "notebooks/zh/06_epoll", "notebooks/13_playground"),
    *("source/iomux/servers/readiness.py", "CONTRIBUTING"),
)
WIDTHS = (390, 1366)
_PATIENCE_MS = 300_000
"""For a machine that is busy."""
_GRAVE = ("serious", "critical")
_RUN = "async () => (await axe.run({resultTypes: ['violations']})).violations"
_SCRIPT = re.compile(r"<script.*?</script>", re.DOTALL)


class Look(NamedTuple):
    """One look at one page."""

    page: str
    scheme: str
    width: int
    scripts: bool = True

    def __str__(self) -> str:
        return " ".join([self.page, self.scheme, str(self.width), *([] if self.scripts else ["without scripts"])])


def looks(pages: list[str]) -> Iterator[Look]:
    """Each page in each width, light and dark, and light without scripts, by which it would become dark."""
    ways = (("light", True), ("dark", True), ("light", False))
    return (Look(page, scheme, width, scripts) for scheme, scripts in ways for width in WIDTHS for page in pages)


@contextlib.contextmanager
def _file(site: Path, look: Look) -> Iterator[Path]:
    """The page, or a copy beside it that has no scripts: axe itself is one, and needs a browser that runs them."""
    file = site / f"{look.page}.html"
    if look.scripts:
        yield file
        return
    bare = file.with_name(f"without-scripts-{file.name}")
    bare.write_text(_SCRIPT.sub("", file.read_text(encoding="utf-8")), encoding="utf-8")
    try:
        yield bare
    finally:
        bare.unlink()


def faults(browser: "Browser", site: Path, axe: Path, look: Look, pictures: Path | None) -> list[dict[str, Any]]:
    """What axe finds on a page."""
    context = browser.new_context(
        color_scheme="dark" if look.scheme == "dark" else "light", viewport={"width": look.width, "height": 900}
    )
    context.set_default_timeout(_PATIENCE_MS)
    try:
        page = context.new_page()
        with _file(site, look) as file:
            page.goto(file.as_uri())
        if pictures:
            _photograph(page, pictures, look)
        page.add_script_tag(path=axe)
        found: list[dict[str, Any]] = page.evaluate(_RUN)
        return found
    finally:
        context.close()


def _photograph(page: "Page", pictures: Path, look: Look) -> None:
    pictures.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=pictures / f"{str(look).replace('/', '-').replace(' ', '-')}.png")


def told(look: Look, fault: dict[str, Any]) -> str:
    """A fault in one line, with the first element that has it."""
    first = fault["nodes"][0]
    return f"{fault['impact']}: {look}: {fault['id']}, {len(fault['nodes'])} times: {first['target']} {fault['help']}"


def main() -> int:
    """Look at the pages; print the faults."""
    parser = argparse.ArgumentParser(description="Look at the site with axe-core.")
    parser.add_argument("site", type=Path)
    parser.add_argument("axe", type=Path, help="axe.min.js")
    parser.add_argument("--all", action="store_true", help="every page")
    parser.add_argument("--pictures", type=Path, help="keep a screenshot of each page here")
    given = parser.parse_args()
    site = given.site.absolute()
    every = [page.relative_to(site).as_posix().removesuffix(".html") for page in sorted(site.rglob("*.html"))]
    pages = [page for page in every if not page.startswith("_static")] if given.all else list(PAGES)
    return look_at(site, given.axe, pages, given.pictures)


def look_at(site: Path, axe: Path, pages: list[str], pictures: Path | None) -> int:
    """Look at these pages in one Chromium; 1 if a fault is serious or critical."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import ARGUMENTS, chromium

    grave = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(playwright), args=ARGUMENTS.split())
        for look in tqdm(list(looks(pages)), leave=False):
            for fault in faults(browser, site, axe, look, pictures):
                grave += fault["impact"] in _GRAVE
                tqdm.write(told(look, fault))
        browser.close()
    widths = " and ".join(map(str, WIDTHS))
    print(f"{len(pages)} pages, light, dark and without scripts, {widths} pixels wide: {grave} grave faults")
    return int(grave > 0)


if __name__ == "__main__":
    sys.exit(main())
