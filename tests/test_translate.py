"""The pages in Chinese: every text is translated as it is now, and all else is the English page's own."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests import translate
from tests.support.notebooks import read

PAGES = sorted(path.stem for path in translate.ENGLISH.glob("*.ipynb"))
LINK, CODE, TAG = re.compile(r"\]\(([^)\s]+)\)"), re.compile(r"`([^`\n]+)`"), re.compile(r"<(/?\w+)")


def test_each_page_is_translated() -> None:
    assert translate.pages() == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_each_text_is_translated_as_it_is_now(page: str) -> None:
    assert translate.stale(page) == [], "translate these cells anew, with their new marks: tests/translate.py"


@pytest.mark.parametrize("page", PAGES)
def test_a_translation_keeps_links_code_and_tags(page: str) -> None:
    chinese = translate.translations(page)
    for cell, english in translate.texts(page).items():
        text = chinese[cell][1]
        assert Counter(LINK.findall(text)) == Counter(LINK.findall(english)), cell
        assert Counter(TAG.findall(text)) == Counter(TAG.findall(english)), cell
        assert set(CODE.findall(english)) <= set(CODE.findall(text)), cell


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_built_from_the_english_one(page: str) -> None:
    assert read(translate.CHINESE / f"{page}.ipynb") == translate.built(page), "run: python -m tests.translate"


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    path = translate.CHINESE / f"{page}.ipynb"
    for cell in read(path).cells:
        for link in LINK.findall(cell.source) if cell.cell_type == "markdown" else ():
            if not link.startswith(("http", "#", "mailto:")):
                assert (path.parent / link.partition("#")[0]).exists(), f"{cell.id}: {link}"


def test_the_readme_in_chinese_has_every_page() -> None:
    readme = (translate.ENGLISH.parent / "README.zh.md").read_text(encoding="utf-8")
    assert [page for page in PAGES if f"](notebooks/zh/{page}.ipynb)" not in readme] == []


def test_the_recorded_tables_are_beside_them() -> None:
    for record in translate.ENGLISH.glob("recorded_*.json"):
        assert (translate.CHINESE / record.name).read_bytes() == record.read_bytes(), "run: python -m tests.translate"


def test_a_text_that_has_changed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = PAGES[0]
    text = (translate.TEXTS / f"{page}.md").read_text(encoding="utf-8")
    (first, (mark, _)), *_ = translate.translations(page).items()
    (tmp_path / f"{page}.md").write_text(text.replace(mark, "0" * 12), encoding="utf-8")
    monkeypatch.setattr(translate, "TEXTS", tmp_path)
    assert translate.stale(page) == [first]
