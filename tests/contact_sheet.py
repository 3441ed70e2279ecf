"""All stored figures on one sheet, to be looked at together: `python -m tests.contact_sheet OUT.png [NOTEBOOK ...]`.

Each figure is scaled to one width, as a browser does, with the notebook's number and its cell above it. What is cut,
what overlaps, and a figure that differs from the others in size or order are seen best there. With `--dark` the sheet
has the background of JupyterLab's dark theme.
"""

import argparse
import base64
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw

from tests.regenerate import NOTEBOOKS
from tests.support.notebooks import read

WIDTH, COLUMNS, GAP, LABEL = 640, 4, 16, 22
"""Pixels: of a figure, between two, and of the line above one; and the figures in a row."""
_DARK, _LIGHT = "#111111", "#ffffff"


class Stored(NamedTuple):
    """One stored figure: the notebook's number and the place of its cell, counted from 0, and the picture."""

    label: str
    picture: Image.Image


def stored(paths: Iterable[Path]) -> Iterator[Stored]:
    """The figures of these notebooks, in order."""
    for path in paths:
        number = path.stem.partition("_")[0]
        for place, cell in enumerate(read(path).cells):
            for output in cell.get("outputs", []):
                if data := output.get("data", {}).get("image/png"):
                    yield Stored(f"{number} cell {place}", Image.open(io.BytesIO(base64.b64decode(data))))


def sheet(figures: Iterable[Stored], background: str = _LIGHT) -> Image.Image:
    """The figures in rows of `COLUMNS`, each `WIDTH` pixels wide. Raises ValueError if there is none."""
    scaled = [Stored(label, picture.resize((WIDTH, _height(picture)))) for label, picture in figures]
    if not scaled:
        raise ValueError("these notebooks have no stored figure: run them with `python -m tests.regenerate`")
    rows = [scaled[first : first + COLUMNS] for first in range(0, len(scaled), COLUMNS)]
    heights = [max(picture.height for _, picture in row) + LABEL + GAP for row in rows]
    whole = Image.new("RGB", (COLUMNS * (WIDTH + GAP) + GAP, sum(heights) + GAP), background)
    pen, top = ImageDraw.Draw(whole), GAP
    for row, height in zip(rows, heights, strict=True):
        for column, (label, picture) in enumerate(row):
            at = GAP + column * (WIDTH + GAP), top
            pen.text(at, label, fill="#888888", font_size=LABEL - 6)
            opaque = picture.convert("RGBA")
            whole.paste(opaque, (at[0], at[1] + LABEL), opaque)
        top += height
    return whole


def _height(picture: Image.Image) -> int:
    return round(picture.height * WIDTH / picture.width)


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description="Tile all stored figures on one sheet.")
    parser.add_argument("out", type=Path, help="the PNG file to write")
    parser.add_argument("notebooks", type=Path, nargs="*", help="by default all")
    parser.add_argument("--dark", action="store_true", help="on a dark background")
    given = parser.parse_args()
    pages = given.notebooks or sorted(NOTEBOOKS.glob("*.ipynb"))
    sheet(stored(pages), _DARK if given.dark else _LIGHT).save(given.out)


if __name__ == "__main__":
    main()
