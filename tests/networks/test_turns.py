"""The wire is preferred to other programs, as far as this machine allows; what it asks for is read back."""

import ctypes
import os
import platform
import struct
import subprocess
import sys

import pytest

import iomux
from iomux.networks.turns import SHORTEST_NS

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
