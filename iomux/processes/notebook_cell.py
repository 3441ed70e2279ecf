"""Servers started in a notebook cell: running the cell again stops those of its previous run.

JupyterLab and VS Code name the cell in the request (`metadata.cellId`); otherwise its text identifies it.
"""

import sys
import weakref
from typing import Any, Protocol


class Stoppable(Protocol):
    """Something that a cell starts and that can be stopped."""

    def stop(self) -> None:
        """End it."""


_of_cell: dict[str, tuple[int, list["weakref.ref[Stoppable]"]]] = {}


def replace_earlier_run(server: Stoppable) -> None:
    """Stop what an earlier run of the same notebook cell started, even if `Out[n]` or a variable still holds it."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        return
    parent: dict[str, Any] = getattr(shell, "get_parent", dict)()
    source = str(shell.user_ns.get("In", [""])[-1])
    cell = str(parent.get("metadata", {}).get("cellId") or source)
    run, started = _of_cell.get(cell, (shell.execution_count, []))
    if run != shell.execution_count:
        for reference in started:
            if earlier := reference():
                earlier.stop()
        started = []
    _of_cell[cell] = (shell.execution_count, [*started, weakref.ref(server)])
