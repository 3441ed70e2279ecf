"""Import a user's file once, in a process of its own, to learn whether it can be, and how its function is called.

The import has a time limit. A file whose import does not end may be a program: its server's loop stands outside of its
functions. If its process listens, and sleeps, it is one, and is run as `python file.py`. Cost: some 0.2 s a target.
"""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from iomux.processes.child import print_to_the_log, receive_work
from iomux.processes.guarding.bounds import bounds, limit_processes
from iomux.processes.guarding.guard import guarded
from iomux.processes.named.command import Command
from iomux.processes.named.file_server import FileServer
from iomux.processes.named.ways import Called, Way, way_to_call
from iomux.processes.ready import is_over
from iomux.processes.spawn import end, spawn
from iomux.system.listeners import listeners
from iomux.system.process_tree import descendants

IMPORT_SECONDS = 10.0
"""How long the import of a user's file may take, while it has a core or sleeps."""
CURE = 'if a loop stands outside of its functions, put that under `if __name__ == "__main__":`'
"""What to do about an import that does not end."""
_LOOK_SECONDS = 0.1
_STILL = 5
"""How many times in a row a process must be found listening and asleep before its import counts as one without end."""


def import_once(path: Path, function: str) -> FileServer | Called | Command:
    """The server of a file, after a process of its own has imported it once.

    Raises ImportError, LookupError for a function that is not there, ValueError for one of an unknown form. A program
    whose loop runs at its import is returned as the command that runs it.
    """
    server = FileServer(str(path), function)
    with tempfile.TemporaryFile() as log:
        process = spawn("iomux.processes.import_once", {"server": server, "cpu": None}, log)
        try:
            report = _report(process, path)
        finally:
            end(process)
    if report is None:
        return _as_program(path)
    kind, *said = report
    if kind != "ready":
        errors: dict[str, type[Exception]] = {"ImportError": ImportError, "ValueError": ValueError}
        raise errors.get(kind, LookupError)(said[0]) from None
    arguments, method, asynchronous = said
    found, way = FileServer(str(path.resolve()), function), Way(tuple(arguments), method, asynchronous)
    return found if way == Way() else Called(found, way)


def _as_program(path: Path) -> Command:
    note = f"a loop stands outside of its functions: run as the program python {path.name}, not imported"
    return Command(f"python {path.name}", (sys.executable, str(path.resolve())), notes=(note,))


def _report(process: "subprocess.Popen[bytes]", path: Path) -> list[Any] | None:
    """What the process that imports a file reports: the name of an error or "ready", and more; None if it serves."""
    assert process.stdout is not None
    poller = select.poll()
    poller.register(process.stdout, select.POLLIN)
    began, still = time.monotonic(), 0
    while not poller.poll(_LOOK_SECONDS * 1000):
        still = still + 1 if _listens_asleep(process.pid) else 0
        late = is_over(began, process.pid, IMPORT_SECONDS)
        if still == _STILL or (late and listeners([one.pid for one in descendants(process.pid)])):
            return None
        if process.poll() is not None:  # what it has forked holds the pipe open
            break
        if late:
            return _error(path, f"its import did not end within {IMPORT_SECONDS:.0f} s; {CURE}")
    report = os.read(process.stdout.fileno(), 1 << 16) if poller.poll(0) else b""  # one read: as above
    if not report:
        return _error(path, "it ends the process that imports it")
    try:
        found: list[Any] = json.loads(report)
    except ValueError:
        return _error(path, "it writes to descriptors that it has not opened")
    return found


def _error(path: Path, why: str) -> list[Any]:
    return ["ImportError", f"{path} can't be imported: {why}"]


def _listens_asleep(guard: int) -> bool:
    """Whether a process below its guard listens and sleeps, as a server does that waits for its next client."""
    return bool(listeners([process.pid for process in descendants(guard) if process.state == "S"]))


def main() -> None:
    """In that process: import the file that comes over standard input; write what was found, as JSON."""
    guarded(_import_and_report, bounds())


def _import_and_report() -> None:
    limit_processes()
    report = print_to_the_log()
    server = receive_work()["server"]
    first = os.getpid()
    try:
        way = way_to_call(server.import_file())
        said = ["ready", way.arguments, way.method, way.asynchronous]
    except (ImportError, LookupError, ValueError) as wrong:
        kind = next(kind for kind in (ImportError, LookupError, ValueError) if isinstance(wrong, kind))
        said = [kind.__name__, str(wrong.args[0])]
    if os.getpid() == first:  # not the process that a fork in the file has made
        os.write(report, json.dumps(said).encode())
    os._exit(0)  # threads that the file has started would not end
