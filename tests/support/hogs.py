"""A process that takes what it can of one core, for tests of what such a neighbour does to a measurement."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def hog(core: int) -> Iterator[None]:
    """Spin on one core; ended on leaving."""
    with subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) as spinning:
        os.sched_setaffinity(spinning.pid, {core})
        try:
            yield
        finally:
            spinning.kill()
