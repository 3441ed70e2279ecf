"""The site's front pages, what each page says about itself, its pictures in words, and the page of the claims."""

import json
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from iomux.course.claims import CLAIMS
from tests.support.site import NOTEBOOKS, README, ROOT, pages, soup
from tests.support.site import site as site
from tests.translate import digest


@pytest.mark.parametrize("name", ["index", "index.zh"])
def test_the_front_page_shows_the_picture_the_commands_and_every_notebook(site: Path, name: str) -> None:
    front = soup(site / f"{name}.html")
    folder = "notebooks/zh" if name == "index.zh" else "notebooks"
    listed = {link["href"]: link.get_text() for link in front.select("article .notebooks a")}
    assert list(listed) == [f"{folder}/{path.stem}.html" for path in NOTEBOOKS]
    assert all(text.startswith(f"{Path(page).stem.partition('_')[0]} ") for page, text in listed.items())
    picture = front.select_one("article img")
    assert (site / picture["src"]).read_bytes() == (ROOT / "notebooks/latency_against_concurrency.png").read_bytes()
    commands = [block.get_text().strip() for block in front.select("article .highlight-sh pre")]
    assert commands == re.findall(r"^```sh\n(.+?)\n```", README, re.MULTILINE | re.DOTALL)[:2]
    assert "JupyterLite" in front.select_one("article").get_text()
    assert "mybinder.org" in str(front.select_one("article"))


def test_the_readme_is_a_page_and_the_contents_lead_to_every_notebook(site: Path) -> None:
    page = soup(site / "README.html")
    contents = {link["href"].partition("#")[0]: link.get_text().strip() for link in page.select("nav a[href]")}
    for path in NOTEBOOKS:
        assert contents[f"notebooks/{path.stem}.html"].startswith(f"{path.stem.partition('_')[0]} "), path.name
    shown = [heading.get_text().rstrip("#") for heading in page.select("article h2")]
    assert shown == re.findall(r"^## (.+)$", README, re.MULTILINE)


def test_every_page_says_its_language_its_title_and_what_it_is_about(site: Path) -> None:
    titles = Counter(soup(page).title.get_text() for page in pages(site))
    assert [title for title, times in titles.items() if times > 1] == []
    for page in pages(site):
        chinese = page.stem.endswith(".zh") or page.parent.name == "zh"
        assert soup(page).html["lang"] == ("zh-CN" if chinese else "en"), page.name
        description = soup(page).select_one("head meta[name=description]")["content"]
        assert 10 < len(description) <= 300, page.name
        assert soup(page).select_one(".switch a[hreflang]")["hreflang"] == ("en" if chinese else "zh-CN"), page.name


def test_a_page_and_its_twin_lead_to_each_other(site: Path) -> None:
    for name in ("index.zh", "README.zh", "docs/claims.zh", *(f"notebooks/zh/{path.stem}" for path in NOTEBOOKS)):
        page = site / f"{name}.html"
        there = page.parent / soup(page).select_one(".switch a[hreflang]")["href"]
        back = there.parent / soup(there.resolve()).select_one(".switch a[hreflang]")["href"]
        assert back.resolve() == page, name


def test_every_picture_is_told_in_words_and_leads_to_its_full_size(site: Path) -> None:
    for page in pages(site):
        for image in soup(page).select("article img"):
            assert len(image["alt"]) > 20, f"{page.name}: {image['src']}"
            assert not image["alt"].endswith(".png"), f"{page.name}: {image['src']}"
            assert image.parent.name == "a", f"{page.name}: {image['src']}"
            assert image.parent["href"] == image["src"], f"{page.name}: {image['src']}"


def test_words_stand_for_every_figure_of_the_notebooks_and_for_no_other() -> None:
    listed = tomllib.loads((ROOT / "docs/alternatives.toml").read_text(encoding="utf-8"))
    assert {page: list(words) for page, words in listed.items()} == {
        path.stem: names for path in NOTEBOOKS if (names := figures(path))
    }
    for words in listed.values():
        for english, chinese in words.values():
            assert re.search("[\u4e00-\u9fff]", chinese)
            assert not re.search("[\u4e00-\u9fff]", english)


def figures(path: Path) -> list[str]:
    """The figures of a notebook: the ids of their cells, with the number of a cell's second."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    many = {cell["id"]: sum("image/png" in o.get("data", {}) for o in cell.get("outputs", [])) for cell in cells}
    return [cell if number == 1 else f"{cell}-{number}" for cell in many for number in range(1, many[cell] + 1)]


@pytest.mark.parametrize("name", ["docs/claims", "docs/claims.zh"])
def test_each_claim_leads_to_the_cells_that_decide_it(site: Path, name: str) -> None:
    page = site / f"{name}.html"
    led = [led_to(page, link["href"]) for link in soup(page).select("article li > p > a[href*='#cell-']")]
    assert led == [(one.number, digits) for one in CLAIMS for digits in one.notebooks]
    heads = [heading.get_text().partition(".")[0] for heading in soup(page).select("article h2")]
    assert heads == [str(one.number) for one in CLAIMS]


def led_to(page: Path, address: str) -> tuple[int, str]:
    """The claim that is recorded in the cell to which a link leads, and the notebook's digits."""
    name, _, anchor = address.partition("#")
    there = (page.parent / name).resolve()
    box = soup(there).find(id=anchor).select_one("a[href*=A_claims]")
    return int(box.get_text().removeprefix("Claim ")), there.name[:2]


def test_the_claims_in_chinese_translate_the_sentences_of_today() -> None:
    text = (ROOT / "docs/claims.zh.md").read_text(encoding="utf-8")
    marks = re.findall(r"^<!-- claim: (\d+) ([0-9a-f]{12}) -->\n## ", text, re.MULTILINE)
    assert marks == [(str(one.number), digest(one.says)) for one in CLAIMS]
