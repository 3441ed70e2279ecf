"""A meter of a server's processor time: the share of a core that it uses, read every 100 ms.

It reads the process's CPU clock (clock_getcpuclockid(3)) from a thread of the caller, so the server is not disturbed.
Cost: some 50 µs a reading, of the caller's time. The kernel updates the CPU time of a running process at its timer's
ticks (some milliseconds, time(7)), so a share may be off by one tick.
"""

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from iomux.processes.errors import ServerError
from iomux.processes.server import Server
from iomux.system.machine import describe

if TYPE_CHECKING:
    import pandas as pd

INTERVAL_S = 0.1


def record_cpu(server: Server, *acts: tuple[str, Callable[[], object]]) -> "pd.DataFrame":
    """The CPU share of a running server while the caller does one named thing after another; one row for each reading.

    acts: (label, function to call). Columns: `server`, `at_s` (seconds since the first act began, at the middle of
    the reading's interval), `cpu_share` (of one core, from 0 to 1; more with several threads), `act`, its label.
    `.attrs["machine"]` names the machine. Raises ServerError if the server ends meanwhile, and whatever an act raises.

    Example:
    >>> from iomux.harness.cpu_meter import record_cpu
    >>> with iomux.start("poll") as server:
    ...     frame = record_cpu(server, ("one asks", lambda: iomux.load(server, duration=0.1)))
    >>> list(frame.columns)
    ['server', 'at_s', 'cpu_share', 'act']
    """
    import pandas as pd

    readings, label, over = [(time.monotonic(), server.cpu().total, acts[0][0])], [acts[0][0]], threading.Event()

    def read() -> None:
        while not over.wait(INTERVAL_S):
            try:
                readings.append((time.monotonic(), server.cpu().total, label[0]))
            except ServerError:
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        for label[0], act in acts:
            act()
    finally:
        over.set()
        reader.join()
    server.check()
    began = readings[0][0]
    rows = [
        (server.name, (before[0] + after[0]) / 2 - began, (after[1] - before[1]) / (after[0] - before[0]), after[2])
        for before, after in pairwise(readings)
    ]
    frame = pd.DataFrame(rows, columns=["server", "at_s", "cpu_share", "act"])
    frame.attrs["machine"] = describe()
    return frame
