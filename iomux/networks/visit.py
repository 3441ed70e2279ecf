"""A visit: one function of the user, called in a process inside a host. Its result goes back by value."""

import os
import struct
import sys

from iomux.processes.child import print_to_the_log, receive_work
from iomux.processes.guarding.guard import guarded


def main() -> None:
    """In the visitor's process: call the function that comes over standard input, with a guard."""
    guarded(_call_and_tell)


def _call_and_tell() -> None:
    report = print_to_the_log()
    try:
        work = receive_work()
        result = work["function"](*work["arguments"])
        from iomux.processes.named.by_value import dumps  # not at the top: the guard needs none of it

        data = dumps(result)
    except BaseException:
        import traceback

        sys.stdout.flush()
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    sys.stdout.flush()
    with os.fdopen(report, "wb") as pipe:
        pipe.write(struct.pack("!i", len(data)) + data)  # as multiprocessing.connection.Connection reads it
    os._exit(0)  # threads that the function has started would not end
