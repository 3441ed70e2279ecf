"""A server that a user names as `file.py:function`: the file is imported where it serves, never where it is named.

Whatever the file does when it is imported (print, loop for ever, `os._exit`), it does not do to the process that asks
for it. So it may also hold what can't be sent to another process: a lock, a selector, an open file. Before it is used
another process imports it once, with a time limit, to report what is wrong (`iomux.processes.import_once`).
"""

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any


class FileServer:
    """A `serve` function, by its file and name; the file is imported by `import_file`, or when it is called."""

    def __init__(self, path: str, function: str) -> None:
        self.path, self.function = path, function
        self.__name__ = function

    def __call__(self, *arguments: Any) -> Any:
        """Import the file and call the function."""
        return self.import_file()(*arguments)

    def import_file(self) -> Any:
        """Import the file, its folder first on sys.path; return the function. Raises ImportError or LookupError."""
        path = Path(self.path)
        name = f"{path.stem}_{hashlib.sha256(self.path.encode()).hexdigest()[:8]}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        sys.path.insert(0, str(path.resolve().parent))
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:  # the file's own error: our frames would only hide the cause
            raise ImportError(f"{self.path} can't be imported:\n{_where_and_why(error, spec.origin)}") from None
        return self._function_of(module)

    def _function_of(self, module: Any) -> Any:
        serve = getattr(module, self.function, None)
        if not callable(serve):
            from iomux.system.limits import did_you_mean  # not at the top: a server does not need it

            said = f"{self.path}:{self.function} is no function: its type is {type(serve).__name__}"
            wrong = said if hasattr(module, self.function) else f"{self.path} has no function {self.function!r}"
            near = did_you_mean(self.function, [name for name, found in vars(module).items() if callable(found)])
            raise LookupError(f"{wrong}: {near}name the one that takes the listener, as in {self.path}:serve")
        return serve


def _where_and_why(error: BaseException, file: str | None) -> str:
    """Python's message for an error, below the last line of `file` that led to it; a SyntaxError names its own line."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return "".join([*traceback.format_list(own[-1:]), *traceback.format_exception_only(error)]).rstrip()
