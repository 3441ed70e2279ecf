"""`start`: run a server, yours or a registered one, in one process or in several that share an address.

Servers started in a notebook's cell belong to it: running the cell again stops those of its previous run. JupyterLab
and VS Code name the cell in the request (`metadata.cellId`); otherwise its text identifies it.
"""

import sys
import weakref
from typing import Any, Protocol, overload

from iomux import servers
from iomux.processes.group import Group, launch_group
from iomux.processes.resolve import speaking
from iomux.processes.server import Server, launch
from iomux.servers.connection import Handler
from iomux.servers.protocol import Factory


@overload
def start(
    server: str | servers.Serve,
    handler: Handler | None = None,
    cpu: int | None = None,
    port: int | None = None,
    protocol: Factory | None = None,
    *,
    processes: None = None,
) -> Server:
    """In one process."""


@overload
def start(
    server: str | servers.Serve,
    handler: Handler | None = None,
    cpu: int | None = None,
    port: int | None = None,
    protocol: Factory | None = None,
    *,
    processes: int,
    sharing: str | None = None,
) -> Group:
    """In several."""


def start(
    server: str | servers.Serve,
    handler: Handler | None = None,
    cpu: int | None = None,
    port: int | None = None,
    protocol: Factory | None = None,
    *,
    processes: int | None = None,
    sharing: str | None = None,
) -> Server | Group:
    """Run a server in a separate process on a free port of 127.0.0.1; it is ready when this returns.

    server: a registered name (`iomux.names()`), `file.py:function`, a function `serve(listener, handler=...)`, also of
    a notebook's cell, or a command line in any language, with `{port}` where its port goes, or with a port of its own.
    handler: maps the bytes that arrived to the bytes to send back; by default the server's. cpu: the core to run on; by
    default the first that this process may use, so that `iomux.load` can take another. port: for what makes its own
    listener: the port to give it, or which of its ports is meant. protocol: in the place of a handler, what makes a
    protocol object for each client, such as `iomux.protocols.http.site(".")` (`iomux.servers.protocol`).

    processes: how many run it at the same address; a `Group` is returned, with a `Server` for each of them. By default
    none of them is pinned to a core. sharing: how they share it. "reuseport" (the default): a listener each, and the
    kernel chooses by a hash (SO_REUSEPORT, socket(7)); "inherited": one listener for all; "exclusive": the same, and
    epoll wakes one sleeper instead of all (EPOLLEXCLUSIVE, epoll_ctl(2); for servers that wait by `select.epoll`).

    Use it in a `with`, or keep it and call `.stop()`. Running a notebook's cell again stops the servers of its last
    run. Raises LookupError for an unknown or missing name, program or file, ImportError for a file that can't be
    imported, TypeError for what is no server, handler or protocol, ValueError for a function of an unknown form, a
    port or a core that can't be used, or for several processes of what can't share an address, and ServerError with the
    server's traceback if it does not start.

    Example:
    >>> with iomux.start("poll") as server:
    ...     print(server.alive)
    True
    """
    spoken = speaking(handler, protocol)
    running: Server | Group
    if processes is not None:
        running = launch_group(server, spoken, cpu, port, processes, sharing or "reuseport")
    elif sharing is None:
        running = launch(server, spoken, cpu, port)
    else:
        raise ValueError(f"sharing is {sharing!r}, but one process shares its address with nobody: give processes, too")
    replace_earlier_run(running)
    return running


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
