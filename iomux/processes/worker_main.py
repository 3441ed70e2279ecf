"""The process of a job that runs beside its owner: it gets its work, does it, and hands back the result.

It is a file of its own so that such a process imports what the job needs, and not what its owner does: psutil,
cloudpickle, subprocess and the like would double the time until the first request is sent. For the same reason the
reports are framed here by hand, as the owner's `multiprocessing.connection.Connection` reads them: a length, then so
many pickled bytes (Lib/multiprocessing/connection.py, _send_bytes); to import it costs as much as to start Python.
"""

import os
import pickle
import struct
import sys
from types import GeneratorType

from iomux.processes.child import receive_work


def main() -> None:
    """Receive a job over standard input, do it, and write what it yields, or its result, to standard output."""
    work = receive_work()
    found = work["job"](*work["arguments"])
    for report in found if isinstance(found, GeneratorType) else (found,):
        data = pickle.dumps(report)
        sys.stdout.buffer.write(struct.pack("!i", len(data)))
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    os._exit(0)  # the kernel closes 10,000 sockets sooner than Python's finalizers do
