"""How long a server may take to come up: a wait for a core, on a busy machine, is not its own."""

import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import iomux
from iomux.processes import import_once, ready
from iomux.processes.spawn import outlives
from iomux.system.machine import cores, pin, waited_for_a_core
from tests.support.clients import eventually

SPINS, SLEEPS = "while True: pass", "import time; time.sleep(100)"
SLOW = """
import time
while time.process_time() < 0.5:
    pass

def serve(listener):
    pass
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how long a process waited for a core")


@contextlib.contextmanager
def running(code: str, quiet: bool = False) -> Iterator[int]:
    """A process on the last core; quiet: only when nobody else wants it (SCHED_IDLE, sched(7))."""

    def on_core() -> None:
        pin(cores()[-1])
        if quiet:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

    with subprocess.Popen([sys.executable, "-S", "-c", code], preexec_fn=on_core) as process:
        try:
            yield process.pid
        finally:
            process.kill()


@linux
def test_a_process_that_gets_no_core_has_its_time_before_it() -> None:
    with running(SPINS), running(SPINS, quiet=True) as starved:
        assert eventually(lambda: ready._waits_for_a_core([starved]))
        assert eventually(lambda: waited_for_a_core(starved) > 0)
        waited = waited_for_a_core(starved)
        assert not ready.is_over(time.monotonic() - 20 - waited / 2, starved, 20)
        assert ready.is_over(time.monotonic() - 1000, starved, 20), "there is an end to that"


@linux
def test_one_that_sleeps_has_had_its_time() -> None:
    with running(SLEEPS) as asleep:
        assert eventually(lambda: not ready._waits_for_a_core([asleep])), "once it has had the core to fall asleep"
        assert eventually(lambda: ready.is_over(time.monotonic() - 25, asleep, 20))


@linux
def test_an_import_that_gets_no_core_has_its_time_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes 0.5 s of processor time and, with eight others on its core, longer than it may."""
    monkeypatch.setattr(import_once, "IMPORT_SECONDS", 2.0)
    (tmp_path / "slow.py").write_text(SLOW)
    here = cores()
    pin(here[-1])
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(8):
                stack.enter_context(running(SPINS))
            import_once.import_once(tmp_path / "slow.py", "serve")
    finally:
        os.sched_setaffinity(0, here)


def test_a_server_that_sleeps_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "START_SECONDS", 0.5)
    with pytest.raises(iomux.ServerError, match="did not listen on any port"):
        iomux.start(shlex.join([sys.executable, "-S", "-c", SLEEPS]))


@linux
def test_a_server_that_listens_in_the_last_moment_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its listeners are not known to be all, but they are there."""
    monkeypatch.setattr(ready, "_SAME", 1 << 30)
    monkeypatch.setattr(ready, "START_SECONDS", 2.0)
    listens = "import socket, time; a = socket.create_server(('127.0.0.1', 0)); time.sleep(100)"
    with iomux.start(shlex.join([sys.executable, "-S", "-c", listens])) as server:
        assert server.address[0] == "127.0.0.1"


def test_a_server_that_has_ended_does_not_live_on_though_its_guard_takes_long() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as server:
        pass
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1.5)"]) as guard:
        assert not outlives(guard, server.pid, 0.03)
