"""Which server was started by which cell of a notebook: running a cell again replaces what it had started."""

import sys
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iomux.harness.process import Server

_of_cell: dict[str, tuple[int, list["weakref.ref[Server]"]]] = {}


def replace_earlier_run_of_this_cell(server: "Server") -> None:
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
