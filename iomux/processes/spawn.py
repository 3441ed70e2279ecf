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
import threading
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import IO, Any

import psutil

from iomux.processes.errors import Process
from iomux.processes.logs import unwatch, watch
from iomux.processes.named.by_value import dumps
from iomux.system.network.place import Place
from iomux.system.process_tree import end_below, exists

WITHOUT_SITE = ("-S",)
"""Skip the module site (quit(), .pth files): this saves 20 ms for each process, and sys.path comes with the work."""

_WAITING = (psutil.STATUS_SLEEPING, psutil.STATUS_STOPPED)
_NOTICE_SECONDS = 0.5  # until a guard has ended, too
_GUARD_SECONDS = 15.0  # for a guard to end all that is below it, on a busy machine


def spawn(
    module: str,
    work: Mapping[str, Any],
    log: IO[bytes],
    pass_fds: tuple[int, ...] = (),
    options: tuple[str, ...] = (),
    main: str = "main",
    inside: Place | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a module's `main` in a new Python process and session, and send it its work; the pipe is its lifeline.

    main: the name of that function. options: for the interpreter. `WITHOUT_SITE` is for modules that import nothing
    installed before they have their work, and only for work from this library: a user's function may need what site
    provides. inside: where it runs, if not on this machine's own network.
    """
    joined = inside.namespaces() if inside else ()
    to_do = work_for(work, joined)
    process: subprocess.Popen[bytes] | None = None
    try:
        with interrupt_held_back():
            process = subprocess.Popen(
                [sys.executable, "-P", *options, "-c", f"from {module} import {main}; {main}()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=(*pass_fds, *joined),
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},  # the rest comes with the work
            )
        hand_over(process, log, to_do)
    except BaseException:
        if process is not None:
            end(process)
        raise
    return process


@contextlib.contextmanager
def interrupt_held_back() -> Iterator[None]:
    """Let Ctrl-C wait until what is done inside is done: it is for what can't be left halfway, and ends soon.

    So a process that has been started gets a name here, by which it can be ended: without one, `Popen` keeps what
    nobody has waited for, and with it the lifeline. A function as the signal's handler is not inherited by the new
    process (signal(7), execve(2)); a mask would be. If an error ends what is inside, Ctrl-C is raised in its place.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came[0])


def work_for(work: Mapping[str, Any], joined: tuple[int, ...] = ()) -> bytes:
    """What a new process reads first (`iomux.processes.child.receive_work`); joined: namespaces that it enters."""
    return pickle.dumps({"path": sys.path, "work": dumps(dict(work)), "join": joined})


def hand_over(process: Process, log: IO[bytes], work: bytes) -> None:
    """Remember the process, and send it its work."""
    assert process.stdin is not None
    _lifelines.add(process)
    _not_ended.add(process.pid)
    watch(process, log)
    with contextlib.suppress(BrokenPipeError):  # it has ended already: waiting for it will report why
        process.stdin.write(work)
        process.stdin.flush()


_not_ended: set[int] = set()  # process ids that `end` has not handled yet
_lifelines: "weakref.WeakSet[Process]" = weakref.WeakSet()


def _close_lifelines_after_fork() -> None:
    """Close the lifelines in a fork of the owner: they would keep the servers alive after the owner."""
    for process in _lifelines:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        _not_ended.discard(process.pid)
        process.returncode = 0  # not a child of the fork, which must neither wait for it nor end it


os.register_at_fork(after_in_child=_close_lifelines_after_fork)


def outlives(process: Process, pid: int, seconds: float) -> bool:
    """Whether a process still runs after `seconds`; on Linux also after as much CPU time, or once `pid` waits.

    pid: the process that works, of which the spawned one is the guard.
    """
    first: float | None = None
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return False
        try:
            known = psutil.Process(pid)
            used = sum(known.cpu_times()[:2])
            first = used if first is None else first
            if known.status() in _WAITING or used - first >= seconds or not psutil.LINUX:
                return True
        except psutil.Error:  # it has ended, so its guard will, or /proc does not show it
            return not _ends_within(process, _NOTICE_SECONDS if exists(pid) else _GUARD_SECONDS)


def end(process: Process) -> None:
    """End a spawned process and all that it has started; close our ends of its pipes.

    Its lifeline is closed: then the kernel ends it, or its guard does with all that is below it. What is not gone by
    then is ended from here. If it ended by itself without a guard, only the rest of its session can be found. Ctrl-C
    while we wait for that leaves nothing of ours: the pipes are closed, and nobody trims a log that will be.
    """
    try:
        _end_all(process)
    finally:
        with interrupt_held_back():
            _close(process.stdin)
            unwatch(process)
            _close(process.stdout)


def _end_all(process: Process) -> None:
    runs = process.poll() is None
    _close(process.stdin)
    if runs and not _ends_within(process, _GUARD_SECONDS):  # a guard that was stopped, say
        end_below(process.pid)
        process.kill()
    if process.pid in _not_ended:
        _end_orphans(process.pid)
    _not_ended.discard(process.pid)
    process.wait()


def _ends_within(process: Process, seconds: float) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return True
    return False


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def _end_orphans(session: int) -> None:
    """Kill each process left in a session by its own id, whatever its group: the leader's id may be reused."""
    for pid in psutil.pids() if not psutil.LINUX or Path("/proc/self").exists() else ():  # a container may hide it
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == session:
                os.kill(pid, signal.SIGKILL)
