"""What a server does at rest: one that waits for a core all the time is not taken for one that sleeps."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from iomux.conformance.trial import rest
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


@pytest.mark.parametrize(("seen", "due"), [("sss", (True, False)), ("sus", (False, True)), ("usaa", (False, False))])
def test_windows_that_do_not_agree_accuse_nobody(seen: str, due: tuple[bool, bool], monkeypatch: Any) -> None:
    kinds = {"s": (True, False), "u": (False, True), "a": (False, False)}  # spins, undecided, asleep
    windows = itertools.cycle(rest.Use(0.0, *kinds[kind], 0.0) for kind in seen)
    monkeypatch.setattr(rest, "_window", lambda port, pids: next(windows))
    monkeypatch.setattr(rest, "settle", lambda port, pids: True)
    use = rest.at_rest(NO_PORT, list, lambda use: False)
    assert use is not None
    assert (use.spins, use.undecided) == due
