"""`iomux.start`: no server, child or load generator outlives its owner, however that ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import iomux
from tests.processes.test_start import gone
from tests.support.clients import ask, connect, eventually
from tests.support.processes import marked, own_mark

ROOT = Path(__file__).parents[2]
NAPS = "[time.sleep(0.1) for _ in range(6000)]"  # an interrupt just before a long sleep would be seen after it
SCRIPT = f"import iomux, sys, time; server = iomux.start('poll'); print(server.pid, flush=True); {NAPS}"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_server_outlives_a_killed_owner(number: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert not gone(pid)
        owner.send_signal(number)
        owner.wait(20)
        assert eventually(lambda: gone(pid))


def test_no_server_outlives_an_owner_whose_fork_lives_on() -> None:
    script = SCRIPT.replace(
        "print(", "child = __import__('os').fork(); child or time.sleep(600); print(child, end=' '); print("
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        fork, pid = map(int, owner.stdout.readline().split())
        owner.kill()
        owner.wait(20)
        assert eventually(lambda: gone(pid))
        os.kill(fork, signal.SIGKILL)


def test_a_fork_of_the_owner_that_ends_leaves_the_server_running() -> None:
    with iomux.start("poll") as server:
        fork = os.fork()
        if fork == 0:
            server.stop()  # the fork must not stop it
            os._exit(0)
        os.waitpid(fork, 0)
        assert server.alive
        with connect(server.address) as client:
            assert ask(client, b"still there?") == b"still there?"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread of the server has to watch its input")
@pytest.mark.parametrize("stop_it", [False, True])
def test_no_server_outlives_its_owner_whatever_it_does(stop_it: bool) -> None:
    script = SCRIPT.replace("'poll'", "__import__('tests.students.faults', fromlist=['x']).closes_its_input")
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        if stop_it:
            os.kill(pid, signal.SIGSTOP)
        owner.kill()
        owner.wait(20)
        assert eventually(lambda: gone(pid))


@pytest.mark.parametrize("milliseconds", [1, 10, 30, 60, 100])
def test_no_load_generator_outlives_an_owner_killed_early(milliseconds: int) -> None:
    script = "import iomux; s = iomux.start('poll'); print('started', flush=True); iomux.load(s, duration=300)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        assert eventually(lambda: len(psutil.Process(owner.pid).children()) == 2)
        children = psutil.Process(owner.pid).children()
        time.sleep(milliseconds / 1000)
        owner.kill()
        owner.wait(20)
        assert eventually(lambda: all(gone(child.pid) for child in children))


def test_processes_started_by_a_dead_server_end_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def starts_and_fails(listener: Any) -> None:
        listener.accept()
        subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL)
        raise ZeroDivisionError("on purpose")

    monkeypatch.setenv("IOMUX_MARK", mark := own_mark("starts and fails"))
    server = iomux.start(starts_and_fails)
    connect(server.address).close()
    assert eventually(lambda: not server.alive)
    assert eventually(lambda: marked(mark) == []), "without a call of stop"
    server.stop()


@pytest.mark.parametrize("leave", [lambda: os.setpgid(0, 0), os.setsid], ids=["group", "session"])
def test_a_child_in_a_group_or_session_of_its_own_ends_with_its_server(leave: Callable[[], Any]) -> None:
    def forks(listener: Any) -> None:
        if os.fork() == 0:
            leave()
            print("left")
            time.sleep(600)
        time.sleep(600)

    with iomux.start(forks) as server:
        assert eventually(lambda: server.log == "left\n")
        children = psutil.Process(server.pid).children()
    assert len(children) == 1
    assert eventually(lambda: gone(children[0].pid))
