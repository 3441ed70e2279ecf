"""The glossary of the appendix: each word stands once, in order, and in the prose of the page that explains it."""

import re

import pytest

from iomux.course.claims import PAGE
from tests.course.test_claims import FOLDER, cells, page

GLOSSARY = re.compile(r"\| ([^|]+) \| ([^|]+) \| [^|]+ \| \[(\d\d[a-z]?)\]\((\d\d\w+\.ipynb)\) \|")


def terms() -> list[tuple[str, ...]]:
    prose = ["".join(cell["source"]) for cell in cells(FOLDER / PAGE, "markdown")]
    return GLOSSARY.findall(next(text for text in prose if "## Glossary" in text))


@pytest.mark.parametrize(("english", "chinese", "digits", "file"), terms())
def test_each_term_of_the_glossary_is_in_the_prose_of_its_page(
    english: str, chinese: str, digits: str, file: str
) -> None:
    prose = ["".join(cell["source"]) for cell in cells(page(digits), "markdown")]
    text = "\n".join(prose).lower()
    assert any(name.strip(" )").lower() in text for name in english.split("(")), f"{english} is not in {file}"
    assert re.search(r"[\u4e00-\u9fff]", chinese)
    assert page(digits).name == file


def test_the_glossary_has_each_term_once_in_order() -> None:
    english = [term[0].lower().replace("'", "") for term in terms()]
    assert len(english) >= 35
    assert english == sorted(set(english))
