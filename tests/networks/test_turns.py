"""The wire is preferred to other programs, as far as this machine allows; what it asks for is read back."""

import contextlib
import ctypes
import os
import platform
import struct
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import iomux
from iomux.networks import turns
from iomux.networks.turns import LATENCY, SHORTEST_NS, Awake
from tests.support.clients import eventually

PREFERRED = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))"
SHORT = "from iomux.networks.turns import shorten; shorten(); print(); input()"
GETATTR = {"x86_64": 315, "aarch64": 275}.get(platform.machine()) if sys.platform == "linux" else None


def turn_ns(pid: int) -> int:
    """The length of the turns that a process has asked for (sched_getattr(2)); 0 for the usual ones."""
    answer = ctypes.create_string_buffer(48)
    assert ctypes.CDLL(None).syscall(GETATTR, pid, answer, len(answer), 0) == 0
    return int(struct.unpack("=IIQiIQQQ", answer.raw)[5])


@pytest.mark.usefixtures("works")
def test_the_wire_runs_before_others_where_that_is_allowed() -> None:
    allowed = subprocess.run([sys.executable, "-S", "-c", PREFERRED], capture_output=True).returncode == 0
    with iomux.network() as network:
        policy = os.sched_getscheduler(network._parts.pid("wire"))
    assert policy == (os.SCHED_FIFO | os.SCHED_RESET_ON_FORK if allowed else os.SCHED_OTHER)


@pytest.mark.usefixtures("works")
@pytest.mark.skipif(not os.access(LATENCY, os.W_OK), reason=f"this user may not write to {LATENCY}")
def test_the_wire_keeps_the_processors_awake_as_long_as_packets_travel() -> None:
    with iomux.network(delay_ms=1) as network:
        held = partial(holds, network._parts.pid("wire"), LATENCY)
        with network[1].start("poll") as server:
            assert eventually(lambda: len(network[0].load(server, duration=0.1).response_ns) > 0 and held())
        assert eventually(lambda: not held())


@pytest.mark.parametrize("file", ["none", "/dev/full"])
def test_who_may_not_keep_them_awake_does_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    monkeypatch.setattr(turns, "LATENCY", tmp_path / file)
    awake = Awake()
    for _ in range(2):
        awake.hold()
        assert not holds(os.getpid(), tmp_path / file)
    awake.release()
    assert not (tmp_path / "none").exists()


def holds(pid: int, file: Path) -> bool:
    """Whether a process has a file open (proc_pid_fd(5))."""
    with contextlib.suppress(FileNotFoundError):  # closed meanwhile
        return any(entry.readlink() == file for entry in Path(f"/proc/{pid}/fd").iterdir())
    return False


@pytest.mark.skipif(GETATTR is None, reason=f"no number of sched_getattr is known for {platform.machine()}")
def test_turns_are_as_short_as_the_kernel_grants() -> None:
    command = [sys.executable, "-c", SHORT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        asked = turn_ns(process.pid)
        process.communicate(b"\n")
    since = tuple(map(int, platform.release().split("-")[0].split(".")[:2])) >= (6, 12)
    assert asked == (SHORTEST_NS if since else 0)
