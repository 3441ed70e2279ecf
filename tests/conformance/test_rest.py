"""What a server does at rest: one that waits for a core all the time is not taken for one that sleeps."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from iomux.conformance.trial.rest import at_rest, nearly_asleep
from tests.support.clients import eventually

SPINS = "while True: pass"
SLEEPS = "import signal; signal.pause()"
NO_PORT = 1


@contextmanager
def running(code: str, *, cpus: set[int], nice: int = 0) -> Iterator[int]:
    """The process number of a Python program that runs on these cores."""
    with subprocess.Popen([sys.executable, "-S", "-c", code]) as process:
        os.sched_setaffinity(process.pid, cpus)
        os.setpriority(os.PRIO_PROCESS, process.pid, nice)
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGKILL)


def used_at_rest(pid: int) -> tuple[bool, bool]:
    """Whether it is said to spin, and whether it is said to be asleep."""
    use = at_rest(NO_PORT, lambda: [pid], nearly_asleep)
    assert use is not None
    return use.spins, nearly_asleep(use)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores can't be chosen here: only Linux can")
def test_a_spinner_that_hardly_gets_a_core_is_not_asleep() -> None:
    core = {min(os.sched_getaffinity(0))}
    with running(SPINS, cpus=core), running(SPINS, cpus=core), running(SPINS, cpus=core, nice=19) as starved:
        assert used_at_rest(starved)[1] is False


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores can't be chosen here: only Linux can")
def test_a_sleeper_is_asleep_beside_spinners() -> None:
    core = {min(os.sched_getaffinity(0))}
    with running(SPINS, cpus=core), running(SLEEPS, cpus=core) as sleeper:
        assert eventually(lambda: used_at_rest(sleeper) == (False, True))
