"""Run notebooks from top to bottom and store their outputs: `python -m tests.regenerate [NOTEBOOK ...]`.

It works like `jupyter execute --inplace`, then removes progress bars (a stored one cannot be drawn, because its
state is in the kernel) and takes the README's figure from the notebook that draws it, with the note below it, which
the notebook prints too: what the README says of the figure is never older than the figure. The page of the claims is
run last: its table is read from the outputs of the others. A page that took over twice as long as its **Time** line
says is named, with both times.
"""

import base64
import re
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from iomux.course.claims import PAGE as CLAIMS_PAGE
from tests import translate

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
FIGURE = NOTEBOOKS / "latency_against_concurrency.png"
"""The README's figure: the first one that 07 draws."""
README = NOTEBOOKS.parent / "README.md"
_CAPTION = re.compile(r"(?<=<!-- caption -->).*?(?=<!-- end of caption -->)", re.DOTALL)
_WIDGET = "application/vnd.jupyter.widget-view+json"
_TO_RUN = re.compile(r"\*\*Time\*\*.*?[:,;] (?:some |about )?([\w -]+?) to run\b")
_NUMBERS = {"five": 5, "ten": 10, "fifteen": 15, "twenty": 20, "twenty-five": 25, "forty": 40, "fifty": 50}
_SECONDS = {f"{word} seconds": number for word, number in _NUMBERS.items()}
_SECONDS |= {"half a minute": 30, "three quarters of a minute": 45, "a minute": 60}
_SECONDS |= {"a minute and a half": 90, "two minutes": 120}


def first_figure(notebook: Any) -> bytes:
    """The first image among a notebook's outputs."""
    return next(
        base64.b64decode(o.data["image/png"])
        for o in _first_drawing(notebook).outputs
        if "image/png" in o.get("data", {})
    )


def caption(notebook: Any) -> str:
    """What the cell of the first image prints: the note below the image."""
    printed = "".join(o.text for o in _first_drawing(notebook).outputs if o.get("name") == "stdout").strip()
    return printed[:1].upper() + printed[1:] + "."


def with_caption(readme: str, words: str) -> str:
    """The README with these words at the place of its figure's caption."""
    return _CAPTION.sub(lambda _: words, readme)


def said_seconds(notebook: Any) -> float:
    """How long a page takes to run, as its **Time** line says; infinite without one. Raises KeyError for new words."""
    found = _TO_RUN.search("\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown"))
    return float(_SECONDS[found[1]]) if found else float("inf")


def time_told(name: str, took: float, said: float) -> str:
    """The seconds that a page took, and, if they are over twice what it says, a word about that."""
    warning = f"; over twice what its Time line says, {said:.0f} s: mend the line" if took > 2 * said else ""
    return f"{name}: {took:.0f} s{warning}"


def _first_drawing(notebook: Any) -> Any:
    code = (cell for cell in notebook.cells if cell.cell_type == "code")
    return next(cell for cell in code if any("image/png" in o.get("data", {}) for o in cell.outputs))


def regenerate(path: Path) -> None:
    """Execute one notebook and store it. Raises CellExecutionError if a cell fails."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    began = time.monotonic()
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of day, which would differ in every commit
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _WIDGET not in output.get("data", {})]
    notebook.metadata.pop("widgets", None)
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    if path.stem == f"07_{FIGURE.stem}":
        path.with_name(FIGURE.name).write_bytes(first_figure(notebook))
        README.write_text(with_caption(README.read_text(), caption(notebook)))
    print(time_told(path.name, time.monotonic() - began, said_seconds(notebook)))


if __name__ == "__main__":
    named = map(Path, sys.argv[1:]) if sys.argv[1:] else NOTEBOOKS.glob("*.ipynb")
    for page in sorted(named, key=lambda page: (page.name == CLAIMS_PAGE, page)):
        regenerate(page)
    translate.main()  # the pages in Chinese show the same outputs
