"""A small process that runs a command line under test, reports how it ended, and ends the processes it left behind.

It ends with the command, or when its owner is gone (see `iomux.processes.child`).
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys

import psutil

from iomux.processes.child import receive_work

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def main() -> None:
    """Run one command line, received over standard input, and end with it; kill it when the owner is gone."""
    work = receive_work()
    _adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # not ignored, as it is in background jobs of sh: exec keeps that
    its_input, _held_open = os.pipe()  # a server that ends at the end of its input must not find it at once
    try:
        process = subprocess.Popen(
            work["words"], stdin=its_input, stdout=sys.stderr, env=work["environment"]
        )  # the user's environment: this process has another PYTHONPATH
    except OSError as error:
        sys.exit(f"{work['words'][0]}: {error.strerror}")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = _wait(process.pid)
    for left in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            left.kill()
    sys.exit(_last_words(status))


def _adopt_orphans() -> None:
    """Become the parent of what a daemon's double fork leaves behind (prctl(2)), so that it can be ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait(pid: int) -> int:
    """Wait for the command's process, reaping orphans that end before it; return its exit code."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def _last_words(status: int) -> str | int:
    """How the command ended, or its bare status if it wrote to the log: the report quotes the log's last line."""
    if status < 0:
        return f"it was ended by {signal.Signals(-status).name}"
    if status and os.fstat(sys.stderr.fileno()).st_size:
        return status
    return f"it ended with status {status}"
