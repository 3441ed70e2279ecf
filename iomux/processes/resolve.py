"""Find the server that a user names: a registered name, `file.py:function`, or a function."""

import functools
import json
import os
import select
import tempfile
from pathlib import Path
from typing import IO

from iomux import servers
from iomux.processes.file_server import FileServer
from iomux.processes.spawn import end, spawn

IMPORT_SECONDS = 10.0
"""How long the import of a user's file may take."""
_NO_FILE = "there is no file {}: give the path of a Python file, as in my_server.py:serve"


def name_of(server: str | servers.Serve) -> str:
    """The short name of a server for tables and figures; for `file.py:function` and functions the function's name."""
    if isinstance(server, str):
        return server.rpartition(":")[2]
    inner = server.func if isinstance(server, functools.partial) else server
    named = [str(name) for one in (server, inner, type(server)) if (name := getattr(one, "__name__", ""))]
    return named[0]  # repr has an address, which changes from run to run


def resolve(server: str | servers.Serve) -> str | servers.Serve:
    """A registered name that can be run here, or the function that `file.py:function` names.

    Raises LookupError if there is none, and ImportError with Python's message for a file that can't be imported.
    """
    if not isinstance(server, str):
        if not callable(server):
            raise TypeError(f"a server is a name or a function serve(listener, handler=echo), not {server!r}")
        return server
    path, _, function = server.rstrip(":").rpartition(":")
    if function.endswith(".py"):  # a function's name can't
        raise LookupError(_without_function(Path(server.rstrip(":"))))
    if not path.endswith(".py"):
        servers.get(server).load()
        return server
    return _from_file(Path(path), function)


def _from_file(path: Path, function: str) -> FileServer:
    """The server of a file, after a process of its own has imported it once."""
    if not path.is_file():
        raise LookupError(_NO_FILE.format(path))
    server = FileServer(str(path), function)
    with tempfile.TemporaryFile() as log:
        process = spawn("iomux.processes.file_probe", {"server": server, "cpu": None}, log)
        try:
            assert process.stdout is not None
            kind, error = _report(process.stdout, path)
        finally:
            end(process)
    if kind != "ready":
        raise (ImportError if kind == "ImportError" else LookupError)(error) from None
    return FileServer(str(path.resolve()), function)


def _report(pipe: IO[bytes], path: Path) -> tuple[str, str]:
    """What the process that imports a file reports: "ready" or the name of an error, and its message."""
    poller = select.poll()
    poller.register(pipe, select.POLLIN)
    if not poller.poll(IMPORT_SECONDS * 1000):
        cure = 'if a loop stands outside of its functions, put that under `if __name__ == "__main__":`'
        return "ImportError", f"{path} can't be imported: its import did not end within {IMPORT_SECONDS:.0f} s; {cure}"
    report = os.read(pipe.fileno(), 1 << 16)  # one read: what the file has forked may hold the pipe open
    if not report:
        return "ImportError", f"{path} can't be imported: it ends the process that imports it"
    kind, error = json.loads(report)
    return kind, error


def _without_function(path: Path) -> str:
    return (
        f"{path} is a file: write {path}:serve, with the function's name" if path.is_file() else _NO_FILE.format(path)
    )
