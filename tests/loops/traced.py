"""The system calls that a running server makes for each request, counted by strace(1) while it is loaded."""

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import iomux
from tests.support.clients import DEADLINE

LEAST = 0.02
"""Calls for each request; what is rarer belongs to no request: a timer, the collection of garbage."""


def why_not() -> str:
    """Why strace can't be used here; empty if it can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    tried = subprocess.run(["strace", "-c", "true"], capture_output=True, text=True, timeout=DEADLINE)
    return f"strace can't trace here: {tried.stderr.strip()}" if tried.returncode else ""


def calls_per_request(line: str, seconds: float = 0.3) -> dict[str, float]:
    """By system call: how many for each request, the most frequent first; ten clients, all active."""
    with iomux.start(line) as server, tempfile.NamedTemporaryFile() as file:
        iomux.load(server, connections=10, active=10, duration=seconds)  # what is done once, at first use, is done
        command = ["strace", "-f", "-c", "-o", file.name, "-p", str(server.pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as strace:
            try:
                assert strace.stderr is not None
                strace.stderr.readline()  # "attached"
                time.sleep(0.2)  # to the other threads, too
                result = iomux.load(server, connections=10, active=10, duration=seconds, warmup=0)
            finally:
                strace.send_signal(signal.SIGINT)
                strace.communicate(timeout=DEADLINE)
        counted = counts(Path(file.name).read_text())
    rates = {name: round(count / result.requests, 2) for name, count in counted.items()}
    return dict(sorted(((n, rate) for n, rate in rates.items() if rate >= LEAST), key=lambda one: -one[1]))


def counts(summary: str) -> dict[str, int]:
    """Calls by name, of strace's table: % time, seconds, usecs/call, calls, errors (may be blank), syscall."""
    lines = [line.split() for line in summary.splitlines()]
    found = {words[-1]: int(words[3]) for words in lines if len(words) in (5, 6) and words[3].isdigit()}
    return {name: count for name, count in found.items() if name != "total"}
