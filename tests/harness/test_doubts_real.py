"""Doubts of real runs: a hog on the same core, more than there are cores for, a quota, a generator that is late."""

import contextlib
import functools
import os
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import iomux
from iomux.harness.load import generator, plan
from iomux.harness.load.plan import Plan
from iomux.harness.load.result import summarize
from iomux.processes.worker import run_in_worker
from iomux.system.disturbance.pressure import waited_s
from iomux.system.machine import cores
from tests.support.clients import eventually
from tests.support.hogs import hog

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc/stat, cgroups and affinity are Linux's")
two_cores = pytest.mark.skipif(len(cores()) < 2, reason="server and load generator need a core each")


def said(result: iomux.LoadResult, words: str) -> bool:
    """Whether one of the doubts has these words, and `print` shows it."""
    return any(words in doubt for doubt in result.doubts) and words in str(result)


@linux
@two_cores
@pytest.mark.parametrize(("core", "who"), [(0, "the server"), (-1, "the load generator")])
def test_a_hog_on_the_same_core_is_told(core: int, who: str) -> None:
    """Whether it has to wait depends on the other one as well, which may be held up: then it is tried again."""
    waits = f"{who} was ready to run and had no core for "
    with hog(cores()[core]):
        runs = (iomux.load("poll", connections=20, duration=0.5) for _ in range(5))
        result = next((run for run in runs if said(run, waits)), None)
    assert result is not None
    assert any(doubt.startswith("other programs used") and doubt.endswith(f"{who}'s core") for doubt in result.doubts)
    assert result.disturbed
    assert result.row()["doubts"] == "; ".join(result.doubts)


@contextlib.contextmanager
def elsewhere() -> Iterator[tuple[str, int]]:
    """An echo server of which the load knows no more than its address."""

    class Echo(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while data := self.request.recv(4096):
                self.request.sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield ("127.0.0.1", server.server_address[1])
        server.shutdown()


@linux
def test_more_than_there_are_cores_for_is_told_where_the_server_has_none_of_its_own() -> None:
    if waited_s() is None:
        pytest.skip("this kernel does not count who waits for a core (/proc/pressure/cpu)")
    with contextlib.ExitStack() as hogs, elsewhere() as address:
        for core in cores() * 2:
            hogs.enter_context(hog(core))
        result = iomux.load(address, duration=0.5)
    assert said(result, "more was ready to run than there are cores: for ")


@linux
def test_one_core_for_both_is_told() -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        result = iomux.load("poll", connections=20, duration=0.2)
    finally:
        os.sched_setaffinity(0, allowed)
    assert said(result, f"server and load generator shared core {min(allowed)}: each waited for the other")
    assert not said(result, "was ready to run and had no core")


def is_empty(group: Path) -> bool:
    return not (group / "cgroup.procs").read_text()


def made(group: Path, files: dict[str, str]) -> Path | None:
    """A new cgroup with these settings; None if this machine does not allow it."""
    try:
        group.mkdir()
    except OSError:
        return None
    if all((group / name).exists() for name in files):
        for name, text in files.items():
            (group / name).write_text(text)
        return group
    group.rmdir()
    return None


@contextlib.contextmanager
def group_with_quota() -> Iterator[Path]:
    """A cgroup that may use a twentieth of a core, of the version that can be written here; skips where none can."""
    for top, files in (
        ("/sys/fs/cgroup", {"cpu.max": "5000 100000"}),
        ("/sys/fs/cgroup/cpu", {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "5000"}),
    ):
        if group := made(Path(top, f"iomux-test-{os.getpid()}"), files):
            try:
                yield group
            finally:
                eventually(functools.partial(is_empty, group))
                group.rmdir()
            return
    pytest.skip("no control group of the processor can be made here: it takes root, and a writable /sys/fs/cgroup")


@linux
def test_a_quota_is_told() -> None:
    with group_with_quota() as group, iomux.start("nonblocking") as server:  # it never sleeps
        (group / "cgroup.procs").write_text(str(server.pid))
        result = iomux.load(server, duration=1.0)
    assert said(result, "a quota of processor time made the server stand still")
    assert not any("the load generator stand still" in doubt for doubt in result.doubts)


def test_a_generator_that_is_late_is_told() -> None:
    def run(asked: Plan) -> dict[str, Any]:
        send = generator.Generator._send_request

        def slowly(self: generator.Generator, client: Any) -> None:  # 500 a second are planned
            time.sleep(0.003)
            send(self, client)

        generator.Generator._send_request = slowly  # type: ignore[method-assign]  # in the generator's process only
        return plan.run(asked)

    with iomux.start("poll") as server:
        asked = Plan(server.address, 500, 500, 64, 1.0, 0.1, 500.0, 5.0, server.pid, True, "even")
        found = run_in_worker(run, asked, core=None, seconds=60, what="the load generator")
    result = summarize(asked, found)
    assert said(result, "the load generator was late")
    assert result.generator_bound
    assert result.late_us["p50"] > 1000
