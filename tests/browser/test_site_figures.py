"""The site's figures in a real browser: legible on a phone, and a light card on a dark page."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.page import tab
from tests.test_site import site as site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(600)  # the site is built first
PAGES = ("README", "notebooks/06_epoll")
PHONE, DESKTOP = 390, 1280
LEAST_SCALE = 0.55  # letters of 10 points at 110 dots an inch, 15 pixels, are then 8 pixels high
_FIGURES = """images => images.map(image => ({
    shown: image.clientWidth, whole: image.naturalWidth, column: image.parentElement.clientWidth,
    scrolled: getComputedStyle(image.parentElement).overflowX, filter: getComputedStyle(image).filter,
    background: getComputedStyle(image).backgroundColor, padding: getComputedStyle(image).padding,
}))"""
_ACROSS = "() => document.documentElement.scrollWidth"
_DARK = "() => { document.documentElement.dataset.theme = 'dark'; }"


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_a_figure_is_legible_and_a_card_on_a_dark_page(
    site: Path, browser: "Browser", pictures: Path, name: str, width: int
) -> None:
    stem = f"site-{Path(name).name}-{width}"
    with tab(browser, (site / f"{name}.html").as_uri(), pictures / f"{stem}-failed.png") as page:
        page.page.set_viewport_size({"width": width, "height": 900})
        page.page.evaluate(_DARK)
        images = page.page.locator(".bd-article img")
        images.first.scroll_into_view_if_needed()
        page.page.screenshot(path=pictures / f"{stem}.png")
        figures: list[dict[str, Any]] = images.evaluate_all(_FIGURES)
        assert page.page.evaluate(_ACROSS) <= width, "the page itself is not scrolled sideways"
    assert figures
    for figure in figures:
        assert figure["shown"] >= LEAST_SCALE * figure["whole"]
        assert figure["shown"] <= figure["column"] or figure["scrolled"] == "auto", "what is wider can be scrolled to"
        assert figure["filter"] == "brightness(0.85)"
        assert figure["background"] == "rgb(247, 246, 242)", "the figures' own background"
        assert figure["padding"] == "0px"
