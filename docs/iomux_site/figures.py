"""Figures: words for who does not see them, a link to the full size, and an address for each cell of code."""

import json
import struct
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes

from iomux_site import ROOT, SAFE, is_chinese

WORDS: dict[str, dict[str, list[str]]] = tomllib.loads((ROOT / "docs/alternatives.toml").read_text(encoding="utf-8"))
"""What each figure shows: by notebook and cell, in English and in Chinese."""


@cache
def cells(page: str) -> tuple[str, ...]:
    """The ids of all cells of a notebook, in order."""
    path = (ROOT / page).with_suffix(".ipynb")
    return tuple(cell["id"] for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])


def anchor(cell: str) -> str:
    """The address of a cell within its page."""
    return f"cell-{cell}"


def dress(app: Any, tree: Any, document: str) -> None:
    """Give each cell of code its address, and each image its words and its width, which also links it."""
    for node in tree.findall(nodes.container):
        if node.get("nb_element") == "cell_code":
            cell = cells(document)[node["cell_index"]]
            node["ids"].append(anchor(cell))
            for number, image in enumerate(node.findall(nodes.image), start=1):
                image["alt"] = words(document, cell, number)
    for image in tree.findall(nodes.image):
        file = Path(app.srcdir, image["uri"])
        if "width" not in image and file.suffix == ".png":
            image["width"] = f"{width(file)}px"


def words(document: str, cell: str, number: int) -> str:
    """What the figure of a cell shows. Raises KeyError if docs/alternatives.toml does not say it."""
    name = cell if number == 1 else f"{cell}-{number}"
    return WORDS[Path(document).name][name][is_chinese(document)]


def width(png: Path) -> int:
    """The width of a picture in pixels, from its header (PNG, section 11.2.2)."""
    with png.open("rb") as file:
        return int(struct.unpack(">I", file.read(20)[16:])[0])


def setup(app: Any) -> dict[str, bool]:
    """Join Sphinx."""
    app.connect("doctree-resolved", dress)
    return SAFE
