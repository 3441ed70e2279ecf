"""Give a server the folder that it is to serve: in its command line, as an argument, and always in its environment.

`{folder}` in a command line is replaced by the folder's path, and a function whose last parameter has that name gets it
(`serve(listener, folder)`, `serve(host, port, folder)`). The variable IOMUX_FOLDER is there for both, so that a program
needs no option for it.
"""

import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from iomux.processes.named.command import Command
from iomux.processes.named.ways import FOLDER_VARIABLE, Called, Way


def with_folder(line: str, folder: str) -> str:
    """A command line with the folder's path in place of `{folder}`.

    Example:
    >>> from iomux.processes.named.in_folder import with_folder
    >>> with_folder("python3 server.py {port} {folder}", "/srv/my site")
    "python3 server.py {port} '/srv/my site'"
    """
    return line.replace("{folder}", shlex.quote(folder))


def given_folder(found: Any, folder: str) -> Any:
    """What `iomux.processes.resolve.find` has found, with a folder to serve; not an address or a name."""
    if isinstance(found, Command):
        return replace(found, environment=((FOLDER_VARIABLE, folder), *found.environment))
    if isinstance(found, Called):
        return Called(found.function, found.way, folder)
    return Called(found, Way(), folder) if callable(found) else found


def carrying(serve: Callable[..., Any], makes: Callable[[], Any]) -> Callable[[Any], None]:
    """A server that takes a handler: what `makes` makes, in the server's process, is that."""

    def run(listener: Any) -> None:
        serve(listener, makes())

    return run


def speaking(serve: Callable[..., Any], speaks: Callable[[str], Any], folder: str) -> Called:
    """A server that takes a handler: what `speaks` makes of the folder, in the server's process, is that."""

    def run(listener: Any) -> None:
        serve(listener, speaks(folder))

    return Called(run, Way(), folder)
