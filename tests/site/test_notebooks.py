"""The notebooks on the site: complete, with every stored output."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.site import NOTEBOOKS, soup
from tests.support.site import site as site


def outputs(path: Path) -> list[dict[str, Any]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [output for cell in cells for output in cell.get("outputs", [])]


def lines(text: str) -> list[str]:
    """The non-blank lines of a text, without ANSI colours and trailing blanks."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return [line.strip() for line in plain.splitlines() if line.strip()]


def tables(found: list[Any]) -> list[list[str]]:
    """The texts in the cells of each table."""
    return [[" ".join(cell.get_text().split()) for cell in table.select("th, td")] for table in found]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebook:
    def test_shows_each_stored_figure(self, site: Path, path: Path) -> None:
        page = site / "notebooks" / f"{path.stem}.html"
        shown = [(page.parent / image["src"]).read_bytes() for image in soup(page).select("article .cell_output img")]
        stored = [output["data"]["image/png"] for output in outputs(path) if "image/png" in output.get("data", {})]
        assert shown == [base64.b64decode("".join(figure)) for figure in stored]

    def test_shows_each_printed_line(self, site: Path, path: Path) -> None:
        page = soup(site / "notebooks" / f"{path.stem}.html")
        shown = lines("\n".join(block.get_text() for block in page.select("article .cell_output pre")))
        for output in outputs(path):
            for line in lines("".join(output.get("text", []))):
                assert line in shown

    def test_shows_each_table_and_folds_each_answer(self, site: Path, path: Path) -> None:
        page = soup(site / "notebooks" / f"{path.stem}.html")
        bs4 = pytest.importorskip("bs4")
        stored = "".join("".join(o["data"]["text/html"]) for o in outputs(path) if "text/html" in o.get("data", {}))
        expected = tables(bs4.BeautifulSoup(stored, "html.parser").select("table"))
        assert tables(page.select(".cell_output table")) == expected
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        folds = page.select("article details")
        assert len(folds) == prose.count("<details>")
        assert not [fold for fold in folds if fold.has_attr("open")]
