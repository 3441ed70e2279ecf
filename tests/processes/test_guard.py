"""The guard of a server: whatever that does, nothing of it outlives its owner, and nothing of its owner is ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import iomux
from iomux.processes.guarding import bounds
from iomux.processes.server import launch_on
from iomux.system.process_tree import descendants, end_below, is_stopped
from tests.students import hostile
from tests.support.checks import check
from tests.support.clients import eventually
from tests.support.processes import marked, own_mark

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has subreapers: elsewhere there is no guard"
)

ROOT = Path(__file__).parents[2]
FILE = Path(hostile.__file__)


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """Marks the processes started in a test by their environment; in the end none of them is left."""
    mark = own_mark(request.node.name)
    monkeypatch.setenv("IOMUX_MARK", mark)
    yield mark
    assert eventually(lambda: marked(mark) == [])


def targets(name: str) -> list[str]:
    """The same server as a file's function and as a command line."""
    return [f"{FILE}:{name}", f"{sys.executable} {FILE} {{port}} {name}"]


@pytest.mark.parametrize("target", [*targets("double_fork"), *targets("forks_for_ever"), *targets("ignores_sigterm")])
def test_nothing_that_a_server_starts_outlives_its_check(mark: str, target: str) -> None:
    assert check(target, "echoes").passed


@pytest.mark.parametrize("target", [*targets("kills_its_parent"), *targets("closes_everything")])
def test_a_server_can_neither_end_its_guard_nor_cut_its_lifeline(mark: str, target: str) -> None:
    assert check(target, "echoes").passed or "had killed the process that started it" in str(check(target, "echoes"))


@pytest.mark.parametrize("target", targets("kills_its_group"))
def test_the_group_of_a_server_is_its_own(mark: str, target: str) -> None:
    assert check(target, "echoes")["echoes"].seen == "the server was ended by SIGKILL"


def test_a_server_whose_parent_is_killed_is_ended_and_the_cause_is_told(mark: str) -> None:
    server = iomux.start(hostile.double_fork)
    os.kill(psutil.Process(server.pid).ppid(), signal.SIGKILL)
    assert eventually(lambda: not server.alive)
    assert "was ended: it had killed the process that started it" in repr(server)
    server.stop()


def test_a_server_whose_guard_stands_still_is_ended(mark: str) -> None:
    server = iomux.start(hostile.double_fork)
    parent = psutil.Process(server.pid).ppid()
    psutil.Process(parent).parent().suspend()  # type: ignore[union-attr]
    psutil.Process(server.pid).suspend()
    server.stop()


def test_a_daemon_does_not_outlive_a_killed_owner(mark: str) -> None:
    script = f"import iomux, time; print(iomux.start('{FILE}:double_fork').pid, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline()
        owner.kill()


@pytest.mark.parametrize("target", targets("stops_itself"))
def test_a_server_that_stops_itself_is_said_to_be_stopped(mark: str, target: str) -> None:
    assert "is stopped (SIGSTOP)" in check(target, "echoes")["echoes"].seen


def test_too_many_threads_end_a_server_under_test_and_no_other(mark: str) -> None:
    target = f"{FILE}:thread_bomb"
    report = check(target, ("echoes", "silence"))  # a starved guard looks seldom, and one answer does not take long
    assert any(one.seen.startswith("the server was ended: it had more than 4,000 processes") for one in report.results)
    server = launch_on(target, None, None, None)
    assert eventually(lambda: psutil.Process(server.pid).num_threads() > bounds.MOST_TASKS)
    server.stop()


@pytest.fixture
def child() -> Iterator[psutil.Process]:
    """A child of this process with 64 MiB of its own."""
    code = "kept = b'x' * (64 << 20); print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:  # type: ignore[call-overload]
        process.stdout.readline()
        yield psutil.Process(process.pid)
        process.kill()


@pytest.mark.parametrize(
    ("name", "bound", "number"), [("MOST_BYTES", 48 << 20, bounds.TOO_LARGE), ("MOST_TASKS", 0, bounds.TOO_MANY)]
)
def test_a_bound_is_seen_when_it_is_overrun(
    monkeypatch: pytest.MonkeyPatch, child: psutil.Process, name: str, bound: int, number: int
) -> None:
    assert next(bounds.bounds()) == 0
    monkeypatch.setattr(bounds, name, bound)
    assert next(bounds.bounds()) == number


def test_pages_that_processes_share_count_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = (
        "import os, time; kept = b'x' * (64 << 20); [os.fork() or time.sleep(600) for _ in range(9)]; print(flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", code + "; time.sleep(600)"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert len(descendants(process.pid)) == 9
        monkeypatch.setattr(bounds, "MOST_BYTES", 256 << 20)
        assert sum(psutil.Process(one.pid).memory_info().rss for one in descendants(process.pid)) > bounds.MOST_BYTES
        assert next(bounds.bounds()) == 0
        end_below(process.pid)
        assert descendants(process.pid) == []
        process.kill()


def test_a_stopped_process_is_told_from_one_that_waits(child: psutil.Process) -> None:
    assert not is_stopped(child.pid)
    child.suspend()
    assert eventually(lambda: is_stopped(child.pid))


def test_an_endless_log_of_a_command_takes_little_of_the_disk(mark: str) -> None:
    with launch_on(f"{sys.executable} {FILE} {{port}} endless_log", None, None, None) as server:
        assert eventually(lambda: server.written_bytes > 128 << 20)
        psutil.Process(server.pid).suspend()
        assert eventually(lambda: os.fstat(server._log.fileno()).st_blocks * 512 <= 16 << 20)
