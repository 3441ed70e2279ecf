"""strace(1) on a server that runs: which system calls it makes while something happens, and how many.

Cost: strace stops the process at each call, twice; a server becomes many times slower. So it counts, and what it counts
is exact; a duration under strace means nothing. Some containers forbid it (ptrace(2), seccomp).
"""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

_PATIENCE_SECONDS = 20.0


def why_not() -> str:
    """Why strace can't be used here; empty if it can.

    Example:
    >>> from iomux.course import strace
    >>> isinstance(strace.why_not(), str)
    True
    """
    if not shutil.which("strace"):
        return "strace is not installed"
    tried = subprocess.run(["strace", "-c", "true"], capture_output=True, text=True, timeout=_PATIENCE_SECONDS)
    return f"strace can't trace here: {tried.stderr.strip()}" if tried.returncode else ""


def counted(pid: int, act: Callable[[], object]) -> dict[str, int]:
    """The system calls that process `pid` makes while `act` runs, by name, the most frequent first.

    As `strace -f -c -p PID` counts them, which is started before `act` and ended after it. A call that has not returned
    by then is not counted, and a client may have the last reply before its send has returned. Raises RuntimeError if
    strace cannot attach itself (`why_not` says so beforehand).

    Example:
    >>> from iomux.course import strace
    >>> with iomux.start("poll") as server:
    ...     seen = {} if strace.why_not() else strace.counted(server.pid, lambda: None)
    >>> seen
    {}
    """
    with tempfile.NamedTemporaryFile() as file:
        command = ["strace", "-f", "-c", "-o", file.name, "-p", str(pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr is not None
            try:
                if "attached" not in (said := strace.stderr.readline()):
                    raise RuntimeError(f"strace cannot watch process {pid}: {said.strip()}")
                act()
            finally:
                strace.send_signal(signal.SIGINT)
                strace.communicate(timeout=_PATIENCE_SECONDS)
        return counts(Path(file.name).read_text())


def counts(summary: str) -> dict[str, int]:
    """The calls in strace's table: % time, seconds, usecs/call, calls, errors (may be blank), syscall.

    Example:
    >>> from iomux.course.strace import counts
    >>> counts(" 53.01    0.002705           1      2085           poll")
    {'poll': 2085}
    """
    lines = [line.split() for line in summary.splitlines()]
    found = {words[-1]: int(words[3]) for words in lines if len(words) in (5, 6) and words[3].isdigit()}
    return dict(sorted(((n, count) for n, count in found.items() if n != "total"), key=lambda one: -one[1]))
