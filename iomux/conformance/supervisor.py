"""The small process over a command line under test: it runs it, says how it ended, and ends what it left behind.

It outlives neither its owner (see `iomux.processes.child`) nor the command.
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
    """Run one command line, sent over standard input, and end with it; end it when the owner is gone."""
    work = receive_work()
    _adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the command is to hear Ctrl-C, however we were started
    try:
        process = subprocess.Popen(
            work["words"], stdin=subprocess.DEVNULL, stdout=sys.stderr, env=work["environment"]
        )  # the user's: ours has a PYTHONPATH that is not his
    except OSError as error:
        sys.exit(f"{work['words'][0]}: {error.strerror}")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = _wait(process.pid)
    for left in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            left.kill()
    sys.exit(_last_words(status))


def _adopt_orphans() -> None:
    """Be the parent of whatever a daemon's double fork leaves behind (prctl(2)): so it is found, and ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait(pid: int) -> int:
    """Wait for the command's process, and for the orphans that end before it: how that process ended."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def _last_words(status: int) -> str | int:
    """How the command ended, unless it has said why itself: the last line of the log is what is told."""
    if status < 0:
        return f"it was ended by {signal.Signals(-status).name}"
    if status and os.fstat(sys.stderr.fileno()).st_size:
        return status
    return f"it ended with status {status}"
