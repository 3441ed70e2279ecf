"""A process that imports a user's file once and reports what was wrong; see `iomux.processes.file_server`.

Cost: some 0.1 s for the process, and what the import takes.
"""

import json
import os

from iomux.processes.guarding.bounds import bounds, limit_processes
from iomux.processes.child import receive_work
from iomux.processes.guarding.guard import guarded


def main() -> None:
    """In a process of its own: import the file that comes over standard input; write what was wrong, as JSON."""
    guarded(_import_and_report, bounds())


def _import_and_report() -> None:
    limit_processes()
    report = os.dup(1)
    os.dup2(2, 1)  # what the file prints goes to the log
    server = receive_work()["server"]
    kind, error = "ready", ""
    try:
        server.import_file()
    except (ImportError, LookupError) as wrong:
        kind, error = type(wrong).__name__, str(wrong.args[0])
    os.write(report, json.dumps([kind, error]).encode())
    os._exit(0)  # threads that the file has started would not end
