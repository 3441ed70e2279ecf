"""Build the pages in Chinese: `python -m tests.translate`. Text from notebooks/zh/texts, all else from the English one.

A page's translation is one Markdown file: before each cell's text stands a mark with the cell's id and a hash of the
English text that it translates, so that a text which has changed since is found (`stale`). Code, outputs and figures
are the English page's own, as stored; so are the recorded tables beside it, which some cells read.
"""

import copy
import hashlib
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import nbformat

from tests.support.notebooks import read

ENGLISH = Path(__file__).parents[1] / "notebooks"
CHINESE = ENGLISH / "zh"
TEXTS = CHINESE / "texts"
_MARK = re.compile(r"^<!-- cell: (\S+) ([0-9a-f]{12}) -->\n", re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()(?!https?:|#|mailto:)([^)\s]+)(?=\))")


def digest(text: str) -> str:
    """The hash of an English text, as it stands in a mark."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def translations(page: str) -> dict[str, tuple[str, str]]:
    """Of a page, by cell: the hash of the English text that was translated, and the text in Chinese."""
    parts = _MARK.split((TEXTS / f"{page}.md").read_text(encoding="utf-8"))[1:]
    return {cell: (mark, text.strip()) for cell, mark, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)}


def texts(page: str) -> dict[str, str]:
    """The English texts of a page, by cell."""
    return {cell.id: cell.source for cell in read(ENGLISH / f"{page}.ipynb").cells if cell.cell_type == "markdown"}


def stale(page: str) -> list[str]:
    """The cells whose text has changed in English since it was translated, is missing, or is no longer there."""
    now = {cell: digest(text) for cell, text in texts(page).items()}
    then = {cell: mark for cell, (mark, _) in translations(page).items()}
    return sorted(cell for cell in now | then if now.get(cell) != then.get(cell))


def built(page: str) -> Any:
    """The page in Chinese. A text that is not translated stays English."""
    notebook, chinese = copy.deepcopy(read(ENGLISH / f"{page}.ipynb")), translations(page)
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.id in chinese:
            cell.source = _LINK.sub(lambda link: _from_below(link[1]), chinese[cell.id][1])
    return notebook


def _from_below(link: str) -> str:
    """A link of a page, as it is from the folder below: other pages are there, too, and nothing else is."""
    return link if (TEXTS / Path(link.partition("#")[0]).with_suffix(".md").name).exists() else f"../{link}"


def pages() -> list[str]:
    """The pages that are translated."""
    return sorted(path.stem for path in TEXTS.glob("*.md"))


def main() -> int:
    """Build all pages; print which texts are to be translated anew, and return 1 if there are any."""
    for page in pages():
        nbformat.write(built(page), CHINESE / f"{page}.ipynb")  # type: ignore[no-untyped-call]
    for record in ENGLISH.glob("recorded_*.json"):
        shutil.copyfile(record, CHINESE / record.name)
    old = {page: cells for page in pages() if (cells := stale(page))}
    for page, cells in old.items():
        print(f"{TEXTS / page}.md: translate anew: {', '.join(cells)}")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
