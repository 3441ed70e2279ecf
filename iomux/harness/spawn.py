"""Start a Python process that gets its work over a pipe, and end it with everything it has started.

The pipe is the lifeline: it stays open as long as the owner lives (see `iomux.harness.child`). Cloudpickle
sends functions by value, so one that was defined in a notebook's cell can be run by a fresh process.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import cloudpickle


def spawn(
    module: str, work: Mapping[str, Any], log: IO[bytes], pass_fds: tuple[int, ...] = ()
) -> "subprocess.Popen[bytes]":
    """Start `python -m module` in a session of its own and send it its work; the open pipe is its lifeline."""
    work_bytes = cloudpickle.dumps(dict(work))
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", f"from {module} import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        pass_fds=pass_fds,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},  # its sys.path comes with the work
    )
    assert process.stdin is not None
    try:
        with contextlib.suppress(BrokenPipeError):  # it died already: whoever waits for it will say why
            process.stdin.write(pickle.dumps({"path": sys.path, "work": work_bytes}))
            process.stdin.flush()
    except BaseException:
        end(process)
        raise
    return process


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a spawned process and all it has started (it leads its own group), and close our ends of its pipes."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
