"""The site in a real browser: legible on a phone and on a laptop, dark without glare, searched, and without scripts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.page import tab
from tests.support.site import site as site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(600)  # the site is built first
PAGES = (
    *("index", "README", "notebooks/06_epoll"),
    *("docs/claims", "docs/reference/measuring", "source/iomux/servers/readiness.py"),
)
PHONE, LAPTOP = 390, 1366
LEAST_SCALE = 0.79  # letters of 10 points at 110 dots an inch, 15 pixels, are then 12 pixels high
_FIGURES = """images => images.map(image => {
    const box = image.closest(':has(> a)'), shown = image.getBoundingClientRect().width;
    return {shown, whole: image.naturalWidth, column: box.clientWidth, scrolled: getComputedStyle(box).overflowX};
})"""
_ACROSS = "() => document.documentElement.scrollWidth"
_SIZES = """() => ['pre', 'p'].map(tag => [...document.querySelectorAll('.bd-article ' + tag)]
    .map(found => parseFloat(getComputedStyle(found).fontSize))).map(sizes => Math.min(...sizes))"""


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [PHONE, LAPTOP])
def test_a_page_is_legible_and_is_not_scrolled_sideways(
    site: Path, browser: "Browser", pictures: Path, name: str, width: int
) -> None:
    stem = f"site-{Path(name).name}-{width}"
    with tab(browser, (site / f"{name}.html").as_uri(), pictures / f"{stem}-failed.png") as page:
        page.page.set_viewport_size({"width": width, "height": 900})
        page.page.screenshot(path=pictures / f"{stem}.png")
        figures: list[dict[str, Any]] = page.page.locator(".bd-article img").evaluate_all(_FIGURES)
        assert page.page.evaluate(_ACROSS) <= width
        assert page.complaints == []
    assert bool(figures) == (name in PAGES[:3])
    for figure in figures:
        least = LEAST_SCALE if width == PHONE else 0.7
        assert figure["shown"] >= least * figure["whole"]
        assert figure["shown"] <= figure["column"] or figure["scrolled"] == "auto", "what is wider can be scrolled to"


def test_code_is_as_large_as_text(site: Path, browser: "Browser", pictures: Path) -> None:
    with tab(browser, (site / "notebooks/06_epoll.html").as_uri(), pictures / "site-code-failed.png") as page:
        code, text = page.page.evaluate(_SIZES)
    assert code >= text


def test_nothing_glares_on_a_dark_page(site: Path, browser: "Browser", pictures: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow comes with matplotlib")
    for name in ("index", "notebooks/06_epoll", "docs/claims"):
        shot = pictures / f"site-{Path(name).name}-dark.png"
        context = browser.new_context(color_scheme="dark", viewport={"width": LAPTOP, "height": 900})
        page = context.new_page()
        page.goto((site / f"{name}.html").as_uri())
        page.locator(".bd-article :is(img, table)").first.scroll_into_view_if_needed()
        page.screenshot(path=shot)
        context.close()
        shades = image.open(shot).convert("L").histogram()
        assert sum(shades[160:]) < 0.1 * sum(shades), f"{name}: mostly dark, with letters and lines that are light"


def test_without_scripts_a_page_is_whole_and_leads_on(site: Path, browser: "Browser", pictures: Path) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": PHONE, "height": 900})
    page = context.new_page()
    page.goto((site / "notebooks/06_epoll.html").as_uri())
    page.screenshot(path=pictures / "site-without-scripts.png")
    assert not page.locator(".sidebar-toggle").first.is_visible(), "no button that does nothing"
    assert page.locator(".bd-article .cell_output img").first.is_visible()
    page.locator(".switch .home").click()
    page.locator(".notebooks a[href*='07_']").click()
    assert page.locator("article h1").inner_text().startswith("Latency against concurrency")
    context.close()


@pytest.mark.parametrize(("words", "found"), [("epoll", "notebooks/06_epoll"), ("多路复用", "notebooks/zh/")])
def test_the_search_finds_pages_in_both_languages(
    site: Path, browser: "Browser", pictures: Path, words: str, found: str
) -> None:
    with tab(browser, (site / "search.html").as_uri() + f"?q={words}", pictures / "site-search-failed.png") as page:
        page.page.locator(f"#search-results a[href*='{found}']").first.wait_for(timeout=20_000)
