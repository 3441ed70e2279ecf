"""Run a program in C beside a server, and read what it prints; one that runs too long is interrupted, as by Ctrl-C.

Two things make an interrupt get lost. A shell has its background programs ignore SIGINT, and whatever they start
inherits that (bash(1), execve(2)). And a program that only notes the signal, and then begins to sleep, sleeps on.
"""

import signal
import subprocess
import time
from functools import partial

from iomux.processes.server import Server
from iomux.processes.worker import free_core
from iomux.system.machine import pin

_PATIENCE_SECONDS = 30.0


def output_of(server: Server, command: list[str], until: float = _PATIENCE_SECONDS) -> str:
    """What a program prints, on another core than the server's; interrupted after so many seconds.

    Raises RuntimeError if it ends with another status than 0, and not of the interrupt; TimeoutExpired if it goes on.

    Example:
    >>> from iomux.course.clients.running import output_of
    >>> with iomux.start("poll") as server:
    ...     output_of(server, ["echo", "hello"])
    'hello\\n'
    """
    begin = partial(_on_core, free_core(server))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=begin
    ) as process:
        try:
            printed, _ = process.communicate(timeout=until)
        except subprocess.TimeoutExpired:
            printed = _interrupted(process)
    if process.returncode not in (0, -signal.SIGINT):  # interrupted before it expected that, it has nothing to report
        raise RuntimeError(f"{command[0]} ended with status {process.returncode}: {printed}")
    return printed


def _on_core(core: int | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    pin(core)


def _interrupted(process: "subprocess.Popen[str]") -> str:
    """What it prints when it is interrupted, again and again: wrk forgets an interrupt before it begins to wait."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=1.0)[0]
        except subprocess.TimeoutExpired:
            if time.monotonic() > until:
                process.kill()
                raise
