"""The main function of a worker process: it receives a job, runs it, and sends back the result or the reports.

This is a separate file so that a worker imports only what the job needs and not what its owner needs: psutil,
cloudpickle, subprocess and others would double the time until the first request is sent. For the same reason it
frames the reports by hand, as the owner's `multiprocessing.connection.Connection` reads them: a length, then that
many pickled bytes (Lib/multiprocessing/connection.py, _send_bytes). Importing that module takes as long as starting
Python.
"""

import os
import pickle
import struct
import sys
from types import GeneratorType

from iomux.processes.child import receive_work


def main() -> None:
    """Receive a job over standard input, run it, and write what it yields, or its result, to standard output."""
    work = receive_work()
    found = work["job"](*work["arguments"])
    for report in found if isinstance(found, GeneratorType) else (found,):
        data = pickle.dumps(report)
        sys.stdout.buffer.write(struct.pack("!i", len(data)))
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    os._exit(0)  # the kernel closes 10,000 sockets sooner than Python's finalizers do
