"""A process that imports a user's file once and reports what was wrong, or how its function is called.

See `iomux.processes.import_once`. Cost: some 0.1 s for the process, and what the import takes.
"""

import json
import os

from iomux.processes.child import receive_work
from iomux.processes.guarding.bounds import bounds, limit_processes
from iomux.processes.guarding.guard import guarded
from iomux.processes.named.ways import way_to_call


def main() -> None:
    """In a process of its own: import the file that comes over standard input; write what was found, as JSON."""
    guarded(_import_and_report, bounds())


def _import_and_report() -> None:
    limit_processes()
    report = os.dup(1)
    os.dup2(2, 1)  # what the file prints goes to the log
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
