"""Run jobs in forked processes: the owner's side of `iomux.processes.forking.fork_server`.

A job is handed over and ends as in `iomux.processes.worker`: its pipe is its lifeline, its output goes to a log, and
what it returns comes back as a report. Only the beginning differs: a message to the fork server instead of execve(2).
"""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, Protocol

from iomux.processes.forking.fork_server import FORK, HAS_ENDED, NUMBER, RUNS, serve_forks
from iomux.processes.spawn import end, hand_over, interrupt_held_back, work_for
from iomux.processes.worker import Reports, worker_reports

_START_SECONDS = 60.0  # for the imports, on a busy machine
_LONGEST_PAUSE = 0.02


class Fork(Protocol):
    """Calls `job(*arguments)` in a forked process and provides what it returns; on leaving, ends that process."""

    def __call__(
        self, job: Callable[..., Any], *arguments: Any, what: str
    ) -> contextlib.AbstractContextManager[Reports]: ...


@contextlib.contextmanager
def forks(modules: Iterable[str]) -> Iterator[Fork]:
    """Start a process that has imported the modules, and provide the function that runs a job in a fork of it.

    The function may be called by several threads. Raises RuntimeError if the process can't be started, or has ended.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        job = (serve_forks, theirs.fileno(), tuple(modules))
        with worker_reports(*job, core=None, what="the fork server", pass_fds=(theirs.fileno(),)) as server:
            theirs.close()
            ask = _Asking(ours, server)

            @contextlib.contextmanager
            def fork(job: Callable[..., Any], *arguments: Any, what: str) -> Iterator[Reports]:
                with tempfile.TemporaryFile() as log:
                    process = _forked(ask, log)
                    try:
                        hand_over(process, log, work_for({"job": job, "arguments": arguments, "cpu": None}))
                        with contextlib.closing(Reports(process, log, what)) as reports:
                            yield reports
                    finally:
                        end(process)

            yield fork


class _Asking:
    """The connection to the fork server: one question and its answer at a time, between which Ctrl-C has to wait."""

    def __init__(self, control: socket.socket, server: Reports) -> None:
        control.settimeout(_START_SECONDS)
        self._control, self._server, self._lock = control, server, threading.Lock()

    def __call__(self, question: bytes, descriptors: tuple[int, ...] = ()) -> int:
        with contextlib.suppress(ConnectionError), interrupt_held_back(), self._lock:
            if answer := self._answer(question, descriptors):
                return int(NUMBER.unpack(answer)[0])
        self._server.next(_START_SECONDS)  # raises the error of which it ended
        raise RuntimeError("the fork server has ended")

    def _answer(self, question: bytes, descriptors: tuple[int, ...]) -> bytes:
        try:
            socket.send_fds(self._control, [question], descriptors)
            return self._control.recv(NUMBER.size)
        except BaseException:  # an answer that comes later would be taken for that of the next question
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)
            raise


def _forked(ask: _Asking, log: IO[bytes]) -> "Forked":
    theirs_in, stdin = os.pipe()
    stdout, theirs_out = os.pipe()
    ours = os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb")
    try:
        with interrupt_held_back():
            return Forked(ask(FORK, (theirs_in, theirs_out, log.fileno())), ask, *ours)
    except BaseException:
        for pipe in ours:
            pipe.close()
        raise
    finally:
        os.close(theirs_in)
        os.close(theirs_out)


class Forked:
    """A forked process, with those of `subprocess.Popen`'s methods that a job's owner uses.

    The fork server waits for it (waitpid(2)) only when asked here whether it has ended, so until then its number is
    its own.
    """

    def __init__(self, pid: int, ask: _Asking, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self.returncode: Any = None
        self._ask = ask

    def poll(self) -> int | None:
        """How it ended; None if it still runs. Who can't be asked about has been killed with its fork server."""
        if self.returncode is None:
            try:
                status = self._ask(HAS_ENDED + NUMBER.pack(self.pid))
            except (RuntimeError, OSError):
                status = -signal.SIGKILL
            self.returncode = None if status == RUNS else status
        return None if self.returncode is None else int(self.returncode)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended. Raises subprocess.TimeoutExpired if it has not within `timeout` seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        pause = 0.0005
        while (status := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired(f"the forked process {self.pid}", timeout or 0.0)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        return status

    def send_signal(self, sig: int) -> None:
        """Send it a signal; nothing happens if it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)
