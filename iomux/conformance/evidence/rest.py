"""Whether a server is at rest: every thread asleep, and none has run between two looks.

It is told from the count of context switches (proc_pid_status(5)), which only a thread that runs can raise. So a busy
machine is not taken for rest: there a thread that has work is ready to run, and not asleep.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from iomux.conformance.trial.subject import Fault, NotSeen, Subject, processes

Look = tuple[tuple[str, str], ...]
"""Each thread's id, and its context switches as /proc writes them."""


def look(subject: Subject) -> Look | None:
    """The threads and how often each has run; None if one of them runs, or if that can't be seen."""
    try:
        threads = sorted(_threads(subject))
    except (NotSeen, Fault, OSError):
        return None
    if not threads or any(state not in "SI" for _, state, _ in threads):
        return None
    return tuple((number, switches) for number, _, switches in threads)


def _threads(subject: Subject) -> Iterator[tuple[str, str, str]]:
    for process in processes(subject):
        for thread in Path(f"/proc/{process.pid}/task").iterdir():
            with contextlib.suppress(OSError):  # it has just ended
                lines = (thread / "status").read_text().splitlines()
                fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
                switches = f"{fields['voluntary_ctxt_switches']} {fields['nonvoluntary_ctxt_switches']}"
                yield thread.name, fields["State"][0], switches
