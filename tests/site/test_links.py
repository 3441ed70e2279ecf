"""The site's links and addresses: each has a target, and reading needs no network."""

import re
from functools import cache
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.support.site import ROOT, pages, soup
from tests.support.site import site as site

_FETCHED = re.compile(r"""(url\(|@import|srcset=|poster=)\s*["']?\s*(https?:)?//""")
"""What is fetched without a link: by a style, or instead of a picture."""


@cache
def anchors(page: Path) -> set[str]:
    """Where links into a page can lead."""
    return set(map(unescape, re.findall(r'\bid="([^"]+)"', page.read_text(encoding="utf-8"))))


def used(page: Path) -> list[tuple[str, str]]:
    """(tag, address) of everything that a page links to or shows."""
    return [(tag.name, tag.get("href") or tag["src"]) for tag in soup(page).select("[href], [src]")]


def test_every_link_and_every_picture_has_an_existing_target(site: Path) -> None:
    assert site / "index.html" in pages(site)
    for page in pages(site):
        for _, address in used(page):
            link = urlsplit(address)
            if link.scheme or link.netloc:
                continue
            target = (page.parent / unquote(link.path)).resolve() if link.path else page
            assert target.is_file(), f"{page.name}: {address}"
            if link.fragment and target.suffix == ".html":
                assert unquote(link.fragment) in anchors(target), f"{page.name}: {address}"


def test_reading_the_site_needs_no_network(site: Path) -> None:
    for page in pages(site):
        fetched = [address for tag, address in used(page) if tag != "a"]
        assert not [address for address in fetched if urlsplit(address).netloc], page.name
    for file in [*pages(site), *site.rglob("*.css")]:
        assert not _FETCHED.search(file.read_text(encoding="utf-8")), file.name


def test_a_link_to_a_file_shows_it_highlighted(site: Path) -> None:
    assert not (site / "_downloads").exists()
    shown = sorted((site / "source").rglob("*.html"))
    assert site / "source/iomux/servers/readiness.py.html" in shown
    assert site / "source/iomux/harness/load/load.py.html" in shown, "an entry of the reference leads to its source"
    for page in shown:  # too many to be parsed: the marks are taken out
        file = ROOT / page.relative_to(site / "source").with_suffix("")
        code = re.search(r"<pre[^>]*>(.*)</pre>", page.read_text(encoding="utf-8"), re.DOTALL)
        assert code
        assert unescape(re.sub(r"<[^>]+>", "", code[1])) == file.read_text(encoding="utf-8").rstrip("\n") + "\n"
        assert file.suffix != ".py" or '<span class="' in code[1], file.name
