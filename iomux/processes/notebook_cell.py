"""A notebook's cell that is run again starts its servers again: those of its run before are stopped.

JupyterLab and VS Code name the cell in the request (`metadata.cellId`); where nobody does, its text stands for it.
"""

import sys
import weakref
from typing import Any, Protocol


class Stoppable(Protocol):
    """What is started in a cell: all that is asked of it here is to stop."""

    def stop(self) -> None:
        """End it."""


_of_cell: dict[str, tuple[int, list["weakref.ref[Stoppable]"]]] = {}


def replace_earlier_run(server: Stoppable) -> None:
    """Stop what an earlier run of the same notebook cell started: `Out[n]` and variables may still hold it."""
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
