"""A job in a process of its own: run it there, wait for what it found, and bring that back.

What measures must not share an interpreter lock, a garbage collector or a core with the notebook that asks
for it. The job gets its work by value, runs on a core of its own where there is one, and ends with its
owner (see `iomux.harness.child`). Cost: some 0.1 s to start a Python process.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any, TypeVar

import psutil

from iomux.harness.child import receive_work
from iomux.harness.machine import cores
from iomux.harness.process import Server
from iomux.harness.spawn import end, read_log, spawn

T = TypeVar("T")


def core_beside(server: Server | None) -> int | None:
    """The last core that the server does not run on; None (not pinned) where there is but one."""
    taken = set[int]()
    if server is not None and hasattr(psutil.Process, "cpu_affinity"):
        taken = set(psutil.Process(server.pid).cpu_affinity() or ())
    free = [core for core in cores() if core not in taken]
    return free[-1] if free and len(cores()) > 1 else None


def beside(job: Callable[..., T], *arguments: Any, core: int | None, seconds: float, what: str) -> T:
    """Call `job(*arguments)` in a process of its own and return its result.

    core: where it runs; None leaves it to the scheduler. seconds: how long it may take. what: its name in
    an error. Raises RuntimeError, with its traceback, if it fails or takes longer.
    """
    with tempfile.TemporaryFile() as log:
        process = spawn(__name__, {"job": job, "arguments": arguments, "cpu": core}, log)
        try:
            output = _read_all(process, seconds, what)
        finally:
            end(process)
        if process.returncode != 0 or not output:
            raise RuntimeError(f"{what} failed:\n{read_log(log) or 'no output'}")
    result: T = pickle.loads(output)
    return result


def _read_all(process: "subprocess.Popen[bytes]", seconds: float, what: str) -> bytes:
    lifeline, process.stdin = process.stdin, None  # communicate() would close it, and that ends the process
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{what} did not come back within {seconds:.0f} s: it was ended") from error
    finally:
        process.stdin = lifeline


def main() -> None:
    """Receive a job over standard input, do it, and write its result to standard output."""
    work = receive_work()
    pickle.dump(work["job"](*work["arguments"]), sys.stdout.buffer)
    sys.stdout.flush()
    os._exit(0)  # the kernel closes 10,000 sockets sooner than Python's finalizers do
