"""A small wrong world, and what a notebook's own cell says in it.

The cell's source is taken from the notebook and run with other values for its names: a table as it would be under
another mechanism, a falsified stamp, a server that does what the claim denies. Nothing of the expression is written
again, so a verdict that is changed is tried as it is now.
"""

import ast
import contextlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import iomux

FOLDER = Path(__file__).parents[3] / "notebooks"
_SAID = re.compile(r"(.*): (True|False|not (?:to be told|tried) here \(.*\))$", re.MULTILINE)
Answers = dict[str, bool | None]
"""By the words of a verdict, or of a part of a claim: what it says; None where the run cannot tell."""


@dataclass(frozen=True)
class World:
    """A world that differs from the one of the stored outputs in what its name says."""

    name: str
    """What is wrong in it, in a few words; the test's name."""
    cell: str
    """The id of the cell with the verdicts."""
    answers: Mapping[str, bool]
    """What the cell must say here: the verdicts of which this world is the falsifier, and others that are sure."""
    names: Callable[[], dict[str, Any]]
    """Makes the variables that the cell finds."""
    before: Sequence[str] = ()
    """Cells that are run first, for what they define."""
    needs: Sequence[str] = field(default=())
    """The mechanisms without which this world cannot be made; made-up tables need none."""


def said(page: str, world: World) -> Answers:
    """What the verdicts and the parts of the claims in the world's cell say."""
    cells, heard = sources(page), Answers()
    space: dict[str, Any] = {"iomux": iomux}
    exec(_imports(page), space)
    space |= world.names()
    with contextlib.redirect_stdout(io.StringIO()):
        for each in world.before:
            exec(cells[each], space)
        with _listening(heard):
            exec(compile(cells[world.cell], f"{page}, {world.cell}", "exec"), space)
    return heard


def stored(page: str) -> dict[tuple[str, str], bool]:
    """What the page's stored outputs say: by the cell's id and the words, True or False.

    What could not be told or tried counts as True, as nbval takes it (tests/nbval.cfg): it is a verdict all the same.
    """
    found: dict[tuple[str, str], bool] = {}
    for cell in _cells(page):
        for text, answer in _answers(cell):
            found[cell["id"], text] = answer
    return found


@cache
def sources(page: str) -> dict[str, str]:
    """The sources of a page's cells of code, by their ids."""
    return {cell["id"]: "".join(cell["source"]) for cell in _cells(page) if cell["cell_type"] == "code"}


def _cells(page: str) -> list[dict[str, Any]]:
    return list(json.loads((FOLDER / page).read_text())["cells"])


def _answers(cell: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    source = "".join(cell["source"])
    if cell["cell_type"] != "code" or not ("verdict(" in source or "claim(" in source):
        return
    for output in cell["outputs"]:
        for text, answer in _SAID.findall("".join(output.get("text", []))):
            yield text, answer != "False"
        yield from output.get("data", {}).get("application/vnd.iomux.claim+json", {}).get("parts", [])


@cache
def _imports(page: str) -> str:
    """The page's imports, so that a world need not repeat them."""
    statements = (node for source in sources(page).values() for node in ast.parse(source).body)
    wanted = (node for node in statements if isinstance(node, ast.Import | ast.ImportFrom))
    return "\n".join(ast.unparse(node) for node in wanted)


@contextlib.contextmanager
def _listening(heard: Answers) -> Iterator[None]:
    """Note what verdicts and claims say, whether or not this machine has what they need: the world is made up."""

    def verdict(claim: str, holds: Callable[[], object], *_: Any, doubt: Any = None, **__: Any) -> None:
        heard[claim] = None if doubt and doubt() else bool(holds())

    def claim(_: int, measured: Any, parts: Mapping[str, Callable[[], object]], *__: Any, **more: Any) -> None:
        for part, holds in parts.items():
            verdict(part, holds, doubt=more.get("doubt"))

    with patch.object(iomux, "verdict", verdict), patch.object(iomux, "claim", claim):
        yield
