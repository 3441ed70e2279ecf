"""The stored figures on one sheet, and the README's caption: both made from what the notebooks have stored."""

import io

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from tests.contact_sheet import COLUMNS, GAP, WIDTH, Stored, sheet, stored
from tests.regenerate import NOTEBOOKS, caption, with_caption
from tests.support.notebooks import read


def test_the_sheet_has_each_stored_figure_once_in_order() -> None:
    paths = sorted(NOTEBOOKS.glob("0[67]_*.ipynb"))
    labels = [figure.label for figure in stored(paths)]
    cells = [cell for path in paths for cell in read(path).cells]
    assert len(labels) == sum(
        "image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", [])
    )
    assert labels[0].startswith("06 cell ")
    assert labels[-1].startswith("07 cell ")


def test_figures_are_scaled_to_one_width_and_tiled() -> None:
    figures = [Stored(f"{number}", Image.new("RGB", (200, 100), "#ff0000")) for number in range(COLUMNS + 1)]
    whole = sheet(figures)
    assert whole.width == COLUMNS * (WIDTH + GAP) + GAP
    assert whole.height > 2 * WIDTH / 2, "two rows"
    last = whole.height - GAP - GAP - 1
    assert [whole.getpixel((GAP + column * (WIDTH + GAP), last)) for column in (0, 1)] == [(255, 0, 0), (255, 255, 255)]


def test_no_figure_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"no stored figure: run them with"):
        sheet([])


def test_the_caption_is_what_the_cell_of_the_first_figure_prints() -> None:
    picture = io.BytesIO()
    Image.new("RGB", (1, 1)).save(picture, "png")
    drawn = new_output("display_data", data={"image/png": "aGVsbG8="})  # type: ignore[no-untyped-call]
    printed = new_output("stream", name="stdout", text="mark: median of 5 rounds\n")  # type: ignore[no-untyped-call]
    cells = [new_code_cell("1"), new_code_cell("2", outputs=[printed, drawn])]  # type: ignore[no-untyped-call]
    notebook = new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    assert caption(notebook) == "Mark: median of 5 rounds."
    readme = "A figure. <!-- caption -->Line: \\1 of old.<!-- end of caption --> More."
    written = with_caption(readme, "Mark: median of 5 rounds.")
    assert written == "A figure. <!-- caption -->Mark: median of 5 rounds.<!-- end of caption --> More."
