"""Start a Python process that gets its work over a pipe, and end it with everything it has started.

The pipe is the lifeline: it stays open as long as the owner lives (see `iomux.processes.child`). Cloudpickle
sends functions by value, so one that was defined in a notebook's cell can be run by a fresh process.
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

import cloudpickle
import psutil

from iomux.processes.logs import unwatch, watch

WITHOUT_SITE = ("-S",)
"""Leave out what the module site does (quit(), .pth files): 20 ms a process, and sys.path comes with the work."""


def spawn(
    module: str,
    work: Mapping[str, Any],
    log: IO[bytes],
    pass_fds: tuple[int, ...] = (),
    options: tuple[str, ...] = (),
) -> "subprocess.Popen[bytes]":
    """Start `python -m module` in a session of its own and send it its work; the open pipe is its lifeline.

    options: of the interpreter. `WITHOUT_SITE` is for a module that imports nothing installed before it has its
    work, and for work that is all ours: a user's function is given all it may want.
    """
    work_bytes = cloudpickle.dumps(dict(work))
    process = subprocess.Popen(
        [sys.executable, "-P", *options, "-c", f"from {module} import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        pass_fds=pass_fds,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},  # its sys.path comes with the work
    )
    assert process.stdin is not None
    try:
        _lifelines.add(process)
        _unswept.add(process.pid)
        watch(process, log)
        with contextlib.suppress(BrokenPipeError):  # it died already: whoever waits for it will say why
            process.stdin.write(pickle.dumps({"path": sys.path, "work": work_bytes}))
            process.stdin.flush()
    except BaseException:
        end(process)
        raise
    return process


_unswept: set[int] = set()  # processes that were spawned and not yet ended by us
_lifelines: "weakref.WeakSet[subprocess.Popen[bytes]]" = weakref.WeakSet()


def _let_go_after_fork() -> None:
    """In a fork of the owner: the lifelines are not its own, and must not hold servers alive after the owner."""
    for process in _lifelines:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        _unswept.discard(process.pid)
        process.returncode = 0  # not a child of this process: neither to be waited for nor to be ended


os.register_at_fork(after_in_child=_let_go_after_fork)


def outlives(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Whether a process still runs after so many seconds; on a busy machine of its own time, or until it sleeps."""
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

    Of one that died by itself only what is left of its session can be known.
    """
    runs = process.poll() is None
    descendants = _descendants(process.pid) if runs else []
    if runs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if runs or process.pid in _unswept:
        _end_orphans(process.pid)
    for left in descendants:  # those in sessions of their own
        with contextlib.suppress(psutil.Error):
            left.kill()
    _unswept.discard(process.pid)
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
    """End what is left running of a session in whatever group, each by its own number: the leader's may be reused."""
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == session:
                os.kill(pid, signal.SIGKILL)
