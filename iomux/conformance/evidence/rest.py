"""Whether a server is at rest: every thread asleep, and none has run between two looks.

It is told from the count of context switches (proc_pid_status(5)), which only a thread that runs can raise. So a busy
machine is not taken for rest: there a thread that has work is ready to run, and not asleep.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from iomux.conformance.trial.subject import Fault, NotSeen, Subject, processes

_REST_SECONDS, _TICK_SECONDS = 1.0, 0.1
Look = tuple[tuple[str, str], ...]
"""Each thread's id, and its context switches as /proc writes them."""


def look(subject: Subject) -> Look | None:
    """The threads and how often each has run; None if one of them runs, or if that can't be seen.

    A process that has ended is at rest, too: it has no threads, or is a zombie.
    """
    try:
        threads = sorted(_threads(subject))
    except Fault:  # it is gone
        return ()
    except (NotSeen, OSError):
        return None
    if any(state not in "SIZX" for _, state, _ in threads):
        return None
    return tuple((number, switches) for number, _, switches in threads)


def wait_for_rest(subject: Subject) -> None:
    """Wait until the server is at rest, or for a second: one that wakes by itself never is."""
    until, before = time.monotonic() + _REST_SECONDS, look(subject)
    while time.monotonic() < until:
        time.sleep(_TICK_SECONDS)
        before, now = look(subject), before
        if now is not None and now == before:
            return


def _threads(subject: Subject) -> Iterator[tuple[str, str, str]]:
    for process in processes(subject):
        for thread in Path(f"/proc/{process.pid}/task").iterdir():
            with contextlib.suppress(OSError):  # it has just ended
                lines = (thread / "status").read_text().splitlines()
                fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
                switches = f"{fields['voluntary_ctxt_switches']} {fields['nonvoluntary_ctxt_switches']}"
                yield thread.name, fields["State"][0], switches
