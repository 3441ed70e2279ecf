"""Run a job in a separate process, wait for its result or its reports, and return them.

A measurement must not share an interpreter lock, a garbage collector or a core with the notebook that started
it. The job gets its arguments by value, runs on a separate core if there is one, and ends with its owner
(see `iomux.processes.worker_main`). A job that yields sends each value as a report. Cost: some 0.1 s to start it.
"""

import contextlib
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import IO, Any, TypeVar

import psutil

from iomux.processes.errors import Process, cause_of_end
from iomux.processes.group import Group
from iomux.processes.logs import read_log
from iomux.processes.server import Server
from iomux.processes.spawn import WITHOUT_SITE, end, spawn
from iomux.system.machine import cores
from iomux.system.network.place import Place
from iomux.system.process_tree import is_stopped

T = TypeVar("T")
_SENT = {
    -signal.SIGKILL: ": somebody sent it, or the kernel was short of memory (dmesg tells)",
    -signal.SIGTERM: ": somebody sent it",
}


def free_core(server: Server | Group | None) -> int | None:
    """The last core that the server does not run on; None (not pinned) if there is only one."""
    return free_cores(server, 1)[0]


def free_cores(server: Server | Group | None, count: int) -> list[int] | list[None]:
    """A core for each of `count` processes, from the last down, and again if there are too few; None if none is free.

    Free is one that the server does not run on.
    """
    taken = set[int]()
    if server is not None and hasattr(psutil.Process, "cpu_affinity"):
        taken = {core for pid in server.pids for core in psutil.Process(pid).cpu_affinity() or ()}
    free = [core for core in cores() if core not in taken]
    return [free[-1 - number % len(free)] for number in range(count)] if free and len(cores()) > 1 else [None] * count


def run_in_worker(
    job: Callable[..., T], *arguments: Any, core: int | None, seconds: float, what: str, inside: Place | None = None
) -> T:
    """Call `job(*arguments)` in a separate process and return its result.

    core: where it runs; None leaves it to the scheduler. seconds: how long it may take. what: its name in
    errors. inside: the host in which it runs, if not on this machine's own network. Raises RuntimeError with its
    traceback if it fails, TookTooLong if it takes longer.

    Example:
    >>> from iomux.processes.worker import run_in_worker
    >>> run_in_worker(sum, [1, 2, 3], core=None, seconds=10, what="the sum")
    6
    """
    with worker_reports(job, *arguments, core=core, what=what, inside=inside) as reports:
        result: T = reports.next(seconds)
    return result


class TookTooLong(RuntimeError):
    """A job did not finish within its time and was ended."""


class Reports:
    """The values that a job in another process yields, one after another. Made by `worker_reports`."""

    def __init__(self, process: Process, log: IO[bytes], what: str) -> None:
        assert process.stdout is not None
        self._pipe = Connection(os.dup(process.stdout.fileno()), writable=False)
        self._process, self._log, self._what = process, log, what

    def next(self, seconds: float) -> Any:
        """Wait for the next report. Raises RuntimeError if the job failed, TookTooLong if none comes in time."""
        try:
            if self._pipe.poll(seconds):
                return self._pipe.recv()
        except (EOFError, OSError):  # OSError: it ended in the middle of a report
            raise RuntimeError(self._why_ended()) from None
        held = ", and was stopped by a signal" if is_stopped(self._process.pid) else ""
        raise TookTooLong(f"{self._what} did not come back within {seconds:.0f} s{held}: it was ended")

    def ready(self, seconds: float) -> bool:
        """Whether a report comes within this time, or the job ends; `next` then returns or raises at once."""
        return self._pipe.poll(seconds)

    def fileno(self) -> int:
        """The descriptor of the pipe, which is readable when a report or the worker's end can be had."""
        return self._pipe.fileno()

    def _why_ended(self) -> str:
        """How it ended: by an error of its own, which is in its log, or by a signal."""
        cause, log = cause_of_end(self._process), read_log(self._log)
        if log and (self._process.returncode or 0) >= 0:
            return f"{self._what} failed:\n{log}"
        return f"{self._what} {cause}{_SENT.get(self._process.returncode, '')}\n{log}".rstrip()

    def interrupt(self) -> None:
        """Send SIGINT to the job, which can handle it and finish in order."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """Stop reading the worker's reports."""
        self._pipe.close()


@contextlib.contextmanager
def worker_reports(
    job: Callable[..., Any],
    *arguments: Any,
    core: int | None,
    what: str,
    pass_fds: tuple[int, ...] = (),
    inside: Place | None = None,
) -> Iterator[Reports]:
    """Call `job(*arguments)` in a separate process and provide what it yields or returns; on leaving, end it.

    core, what, inside: as for `run_in_worker`. pass_fds: descriptors that it has, too, under the same numbers.
    """
    with tempfile.TemporaryFile() as log:
        work = {"job": job, "arguments": arguments, "cpu": core}
        process = spawn("iomux.processes.worker_main", work, log, pass_fds, WITHOUT_SITE, inside=inside)
        try:
            with contextlib.closing(Reports(process, log, what)) as reports:
                yield reports
        finally:
            end(process)
