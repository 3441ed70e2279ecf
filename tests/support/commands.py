"""Run the command line as a user does, and find the processes that it starts."""

import contextlib
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
    """All processes that a command has started, once `count` of them have computed for a while; the rest are guards."""
    process = psutil.Process(command.pid)
    if not eventually(lambda: sum(_has_computed(child) for child in process.children(recursive=True)) == count):
        command.kill()  # otherwise its with statement would wait for it
        pytest.fail(f"expected {count} busy processes, found {process.children(recursive=True)}")
    return process.children(recursive=True)


def _has_computed(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return sum(process.cpu_times()[:2]) > 0.3
    return False
