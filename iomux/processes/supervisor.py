"""A small process that runs a command line under test, reports how it ended, and ends the processes it left behind.

It ends with the command, or when its owner is gone (see `iomux.processes.child`).
"""

import contextlib
import ctypes
import os
import resource
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
    _end_as(status)


def _adopt_orphans() -> None:
    """Become the parent of what a daemon's double fork leaves behind (prctl(2)), so that it can be ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait(pid: int) -> int:
    """Wait for the command's process, reaping orphans that end before it; return its exit code.

    A command that ends with status 0 while processes of it go on has become a daemon (daemon(3)): wait for those, too.
    """
    code = None
    while True:
        try:
            ended, status = os.wait()
        except ChildProcessError:  # none is left
            return code or 0
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
        if code:
            return code


def _end_as(status: int) -> None:
    """End as the command did, by the same status or the same signal: its owner then sees how it ended (wait(2))."""
    if status < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the command has left its own core, if it leaves any
        with contextlib.suppress(OSError):  # SIGKILL has no other action than its own
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)
