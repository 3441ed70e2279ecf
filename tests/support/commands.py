"""Run the command line as a user does, and find the processes that it starts."""

import subprocess
import sys

import psutil
import pytest

from tests.support.clients import eventually


def iomux_command(*arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "iomux", *arguments], capture_output=True, text=True, timeout=120, env=env
    )


def busy_children(command: "subprocess.Popen[str]", count: int) -> list[psutil.Process]:
    """The processes that a command has started, once there are `count` of them and each has computed for a while."""
    process = psutil.Process(command.pid)
    if not eventually(lambda: [sum(child.cpu_times()[:2]) > 0.3 for child in process.children()] == [True] * count):
        command.kill()  # otherwise its with statement would wait for it
        pytest.fail(f"expected {count} busy processes, found {process.children()}")
    return process.children()
