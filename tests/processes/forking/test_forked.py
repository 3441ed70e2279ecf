"""Jobs in forked processes: what they return, how each of them and the fork server can end, and that nothing stays."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from iomux.processes.forking.fork_server import HAS_ENDED, NUMBER
from iomux.processes.forking.forked import Fork, forks
from tests.support.clients import eventually

MODULES = ("iomux.conformance.trial.outcome",)


def who() -> tuple[int, int, int]:
    """Its own process, its parent and its session."""
    return os.getpid(), os.getppid(), os.getsid(0)


def fails() -> None:
    raise ValueError("no such thing")


def is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def known() -> tuple[bool, int]:
    """Whether the module was imported before this process was forked, and how many descriptors it has open."""
    return MODULES[0] in sys.modules, len(os.listdir("/proc/self/fd"))


def ask(fork: Fork, number: int) -> int:
    with fork(pow, number, 2, what="the square") as reports:
        return int(reports.next(60))


def test_each_job_has_a_process_and_a_session_of_its_own_and_all_one_parent() -> None:
    with forks(MODULES) as fork:
        seen = []
        for _ in range(2):
            with fork(who, what="the question") as reports:
                seen.append(reports.next(60))
    (one, parent, session), (other, same_parent, _) = seen
    assert parent == same_parent != os.getpid()
    assert len({one, other, parent}) == 3
    assert session == one
    assert eventually(lambda: not psutil.pid_exists(parent))


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
def test_a_job_finds_the_modules_imported_and_no_descriptor_of_another_one() -> None:
    with forks(MODULES) as fork, fork(time.sleep, 60, what="a long job"):
        counts = []
        for _ in range(3):
            with fork(known, what="the question") as reports:
                imported, descriptors = reports.next(60)
                counts.append(descriptors)
                assert imported
    assert len(set(counts)) == 1, "none has more open than the first one"


def test_many_threads_may_ask_at_once() -> None:
    with forks(MODULES) as fork, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda number: ask(fork, number), range(40))) == [number**2 for number in range(40)]


@pytest.mark.parametrize(
    ("job", "said"), [(fails, "ValueError: no such thing"), (is_killed, "the job was ended by SIGKILL")]
)
def test_how_a_job_failed_is_told_and_the_next_one_runs(job: object, said: str) -> None:
    with forks(MODULES) as fork:
        with pytest.raises(RuntimeError, match=said), fork(job, what="the job") as reports:  # type: ignore[arg-type]
            reports.next(60)
        assert ask(fork, 3) == 9


def test_a_job_that_goes_on_is_ended_with_its_context() -> None:
    with forks(MODULES) as fork:
        with fork(time.sleep, 600, what="a long job") as reports:
            sleeper = max(_below(), key=lambda process: process.create_time())
            assert not reports.ready(0)
        assert not sleeper.is_running()


def _below() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_a_module_that_cannot_be_imported_and_a_fork_server_that_was_killed_are_told() -> None:
    missing = r"the fork server failed:(?s:.*)No module named 'iomux.no_such_module'"
    with forks(["iomux.no_such_module"]) as fork, pytest.raises(RuntimeError, match=missing):
        ask(fork, 1)
    with forks(MODULES) as fork:
        assert ask(fork, 2) == 4
        with fork(time.sleep, 600, what="a long job"):
            sleeper = max(_below(), key=lambda process: process.create_time())
            os.kill(sleeper.ppid(), signal.SIGKILL)
            with pytest.raises(RuntimeError, match="the fork server was ended by SIGKILL"):
                ask(fork, 1)
        assert eventually(lambda: not sleeper.is_running()), "it had lost its owner's end of the pipe"


OWNER = """
import time
from iomux.processes.forking.fork_server import HAS_ENDED, NUMBER
from iomux.processes.forking.forked import forks
with forks(()) as fork, fork(time.sleep, 600, what="a long job"):
    print("runs", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has F_SETSIG")
def test_nothing_outlives_an_owner_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "owner.py").write_text(OWNER)
    with subprocess.Popen([sys.executable, tmp_path / "owner.py"], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "runs\n"
        below = psutil.Process(owner.pid).children(recursive=True)
        assert len(below) == 2, "the fork server and the job"
        owner.kill()
    assert eventually(lambda: not any(process.is_running() for process in below))


def test_after_ctrl_c_no_answer_is_taken_for_that_of_another_question(monkeypatch: pytest.MonkeyPatch) -> None:
    send = socket.send_fds

    def interrupted(*arguments: Any) -> int:
        sent = send(*arguments)
        os.kill(os.getpid(), signal.SIGINT)
        return sent

    with forks(MODULES) as fork, fork(time.sleep, 60, what="a long job") as long:
        with monkeypatch.context() as patch:
            patch.setattr(socket, "send_fds", interrupted)
            with pytest.raises(KeyboardInterrupt):
                long._process.poll()
        with fork(who, what="the question") as reports:
            assert reports._process.pid == reports.next(60)[0]


def test_an_answer_that_was_given_up_is_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after signal.alarm, whose handler raises."""

    def fails_late(sock: socket.socket, *_: Any) -> int:
        sock.sendall(HAS_ENDED + NUMBER.pack(long._process.pid))
        raise LookupError("the cell takes too long")

    with forks(MODULES) as fork, fork(time.sleep, 60, what="a long job") as long:
        with monkeypatch.context() as patch:
            patch.setattr(socket, "send_fds", fails_late)
            with pytest.raises(LookupError):
                long._process.poll()
        with pytest.raises(RuntimeError, match="the fork server has ended"):
            ask(fork, 12)
