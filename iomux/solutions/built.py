"""What the pages build, put together from their cells: the exercises change one function of it, or call it.

A reader has the page's functions in the notebook; here they are taken out of it (`iomux.pages`), so a solution
holds only what is new. It needs the notebooks, that is, a checkout of the course. Cost: some milliseconds a page.
"""

import select
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import iomux
from iomux import connection, pages

FOLDER = Path(__file__).parents[2] / "notebooks"
_SERVER = {
    "04_select.ipynb": ("watch", "admit", "read", "write", "settle", "leave", "turn", "serve_ready", "serve"),
    "05_poll.ipynb": ("watch", "serve_ready", "serve"),
    "06_epoll.ipynb": ("watch", "serve"),
}
"""Of what functions a page's server consists: its own, and for the others those of the pages before it."""


def functions(page: str, *names: str, **needed: Any) -> dict[str, Any]:
    """A page's functions by name, and beside them what they need: modules and what stands in other cells.

    The same dict is where they find what they call: who replaces a function in it has changed the page's program.
    Raises FileNotFoundError where there are no notebooks, LookupError for a function that the page does not define.
    """
    return _define(page, names, needed)


def server(page: str) -> dict[str, Any]:
    """The functions of the server that page 04, 05 or 06 builds; `["serve"]` is what `iomux.start` takes."""
    if page not in _SERVER:
        raise LookupError(f"{page} builds no server of such parts: choose one of {', '.join(_SERVER)}")
    names: dict[str, Any] = {"iomux": iomux, "select": select, "SimpleNamespace": SimpleNamespace}
    names["HIGH_WATER_BYTES"] = connection.HIGH_WATER_BYTES
    for each, own in _SERVER.items():
        _define(each, own, names)
        if each == page:
            break
    return names


def _define(page: str, names: tuple[str, ...], within: dict[str, Any]) -> dict[str, Any]:
    if not (FOLDER / page).exists():
        raise FileNotFoundError(f"there is no {page} in {FOLDER}: the solutions need a checkout of the course")
    pages.define(FOLDER / page, *names, within=within)
    return within
