"""Find the server that a user names: a registered name, `file.py:function`, or a function."""

import functools
import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path

import cloudpickle

from iomux import servers

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


def _from_file(path: Path, function: str) -> servers.Serve:
    if not path.is_file():
        raise LookupError(_NO_FILE.format(path))
    name = f"{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the file's own error: our frames would only hide the cause
        raise ImportError(f"{path} can't be imported:\n{_where_and_why(error, spec.origin)}") from None
    cloudpickle.register_pickle_by_value(module)  # the child can't import the module by that name
    serve = getattr(module, function, None)
    if not callable(serve):
        said = f"{path}:{function} is no function: its type is {type(serve).__name__}"
        wrong = said if hasattr(module, function) else f"{path} has no function {function!r}"
        raise LookupError(f"{wrong}: name the one that takes the listener, as in {path}:serve")
    return serve  # type: ignore[no-any-return]


def _without_function(path: Path) -> str:
    return (
        f"{path} is a file: write {path}:serve, with the function's name" if path.is_file() else _NO_FILE.format(path)
    )


def _where_and_why(error: BaseException, file: str | None) -> str:
    """Python's message for an error, below the last line of `file` that led to it; a SyntaxError names its own line."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return "".join([*traceback.format_list(own[-1:]), *traceback.format_exception_only(error)]).rstrip()
