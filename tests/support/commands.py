"""The command line as its user calls it, and the processes that it starts."""

import subprocess
import sys

import psutil
import pytest

from tests.support.clients import eventually


def iomux_command(*arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "iomux", *arguments], capture_output=True, text=True, timeout=120, env=env
    )


def children_at_work(command: "subprocess.Popen[str]", count: int) -> list[psutil.Process]:
    """The processes that a command has started, as soon as there are so many and each has computed for a while."""
    process = psutil.Process(command.pid)
    if not eventually(lambda: [sum(child.cpu_times()[:2]) > 0.3 for child in process.children()] == [True] * count):
        command.kill()  # or its with statement would wait for it
        pytest.fail(f"of {count} processes at work there were {process.children()}")
    return process.children()
