"""Functions that a page shows or takes over, as they stand elsewhere, so that nothing is written twice.

A page shows a function of the library without its docstring (`listing`). A page builds a server function by function;
a later page changes two of them and needs the others as they are (`source`, `define`): these are found by name in the
stored notebook, which a page reads from the folder it runs in. Cost: the notebook's cells are parsed, which takes some
milliseconds.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).parent / "files"
"""In an installed wheel: the pages and what they read, laid out as in a clone; `setup.py` puts them there."""
HOME = SHIPPED if SHIPPED.is_dir() else Path(__file__).parents[2]
"""Where they are of this package: the top folder of a clone, or, of a wheel, `SHIPPED`."""
FOLDER = HOME / "notebooks"
"""The folder of the pages there."""


def source(page: str | Path, *names: str) -> str:
    """The source of a page's functions or classes, in the order of `names`, separated by two blank lines (PEP 8).

    page: the notebook's file. Raises LookupError for a function that none of its cells defines at the top level.
    If a function is defined several times the last definition counts, as it does when the page runs.

    Example:
    >>> from iomux.course import notebook
    >>> notebook.source("notebooks/04_select.ipynb", "watch").splitlines()[0]
    'def watch(state, sock, reading, writing):'
    """
    found = _functions(Path(page))
    if missing := [name for name in names if name not in found]:
        raise LookupError(f"{page} defines no function {missing[0]!r}: it has {', '.join(found) or 'none'}")
    return "\n\n\n".join(found[name] for name in names) + "\n"


def define(page: str | Path, *names: str, within: dict[str, Any]) -> list[Callable[..., Any]]:
    """Define a page's functions in the namespace `within`, as if written there; return them in the order of `names`.

    within: the `globals()` of the calling page, where the functions find what they call. Raises as `source` does.

    Example:
    >>> from iomux.course import notebook
    >>> [watch] = notebook.define("notebooks/04_select.ipynb", "watch", within=globals())
    >>> callable(watch)
    True
    """
    exec(compile(source(page, *names), str(page), "exec"), within)
    return [within[name] for name in names]


def listing(function: Callable[..., Any]) -> str:
    """The source of a function without its docstring, for a page whose text explains it.

    Example:
    >>> from iomux.course import notebook
    >>> from iomux.servers import poll_
    >>> print(notebook.listing(poll_.serve))
    def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
        run(listener, handler, select.poll(), unit=1000)
    <BLANKLINE>
    """
    text = textwrap.dedent(inspect.getsource(function))
    first = ast.parse(text).body[0].body[0]  # type: ignore[attr-defined]
    lines = text.splitlines(keepends=True)
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        del lines[first.lineno - 1 : first.end_lineno]
    return "".join(lines)


def _functions(page: Path) -> dict[str, str]:
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    found: dict[str, str] = {}
    for text in texts:
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found[node.name] = ast.get_source_segment(text, node) or ""
    return found
