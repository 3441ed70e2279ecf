"""Start a Python process, send it its work over a pipe, and end it with everything it has started.

The pipe is the lifeline: it stays open as long as the owner lives (see `iomux.processes.child`). Cloudpickle
sends functions by value, so a new process can run one that was defined in a notebook's cell.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import psutil

from iomux.processes.logs import unwatch, watch
from iomux.processes.named.by_value import dumps

WITHOUT_SITE = ("-S",)
"""Skip the module site (quit(), .pth files): this saves 20 ms for each process, and sys.path comes with the work."""


def spawn(
    module: str,
    work: Mapping[str, Any],
    log: IO[bytes],
    pass_fds: tuple[int, ...] = (),
    options: tuple[str, ...] = (),
) -> "subprocess.Popen[bytes]":
    """Start a module's `main` in a new Python process and session, and send it its work; the pipe is its lifeline.

    options: for the interpreter. `WITHOUT_SITE` is for modules that import nothing installed before they have their
    work, and only for work from this library: a user's function may need what site provides.
    """
    work_bytes = dumps(dict(work))
    process = subprocess.Popen(
        [sys.executable, "-P", *options, "-c", f"from {module} import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        pass_fds=pass_fds,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},  # the rest of sys.path comes with the work
    )
    assert process.stdin is not None
    try:
        _lifelines.add(process)
        _not_ended.add(process.pid)
        watch(process, log)
        with contextlib.suppress(BrokenPipeError):  # it has ended already: waiting for it will report why
            process.stdin.write(pickle.dumps({"path": sys.path, "work": work_bytes}))
            process.stdin.flush()
    except BaseException:
        end(process)
        raise
    return process


_not_ended: set[int] = set()  # process ids that `end` has not handled yet
_lifelines: "weakref.WeakSet[subprocess.Popen[bytes]]" = weakref.WeakSet()


def _close_lifelines_after_fork() -> None:
    """Close the lifelines in a fork of the owner: they would keep the servers alive after the owner."""
    for process in _lifelines:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        _not_ended.discard(process.pid)
        process.returncode = 0  # not a child of the fork, which must neither wait for it nor end it


os.register_at_fork(after_in_child=_close_lifelines_after_fork)


def outlives(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Whether a process still runs after `seconds`; on Linux also after as much CPU time, or once it sleeps."""
    first: float | None = None
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return False
        with contextlib.suppress(psutil.Error):  # it has just ended
            known = psutil.Process(process.pid)
            used = sum(known.cpu_times()[:2])
            first = used if first is None else first
            if known.status() == psutil.STATUS_SLEEPING or used - first >= seconds or not psutil.LINUX:
                return True


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a spawned process and all that it has started; close our ends of its pipes.

    If it ended by itself, only the rest of its session can be found.
    """
    runs = process.poll() is None
    descendants = _descendants(process.pid) if runs else []
    if runs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if runs or process.pid in _not_ended:
        _end_orphans(process.pid)
    for left in descendants:  # those that started sessions of their own
        with contextlib.suppress(psutil.Error):
            left.kill()
    _not_ended.discard(process.pid)
    process.wait()
    unwatch(process)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _descendants(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return list(psutil.Process(pid).children(recursive=True))
    return []


def _end_orphans(session: int) -> None:
    """Kill each process left in a session by its own id, whatever its group: the leader's id may be reused."""
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == session:
                os.kill(pid, signal.SIGKILL)
