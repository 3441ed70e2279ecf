"""Run the command line as a user does, and find the processes that it starts."""

import contextlib
import os
import pty
import select
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.support.clients import eventually


def iomux_command(*arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "iomux", *arguments], capture_output=True, text=True, timeout=300, env=env
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


@contextlib.contextmanager
def on_terminal(
    *arguments: str, columns: int = 200, **more: str
) -> Iterator[tuple["subprocess.Popen[bytes]", Callable[[str], str]]]:
    """A command whose standard error is a terminal; a function reads that until a text comes, or its end.

    more: environment variables.
    """
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, columns))
    command = [sys.executable, "-m", "iomux", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=end, env={**os.environ, **more}) as process:
        os.close(end)
        try:
            yield process, lambda text: read_until(terminal, text)
        finally:
            process.kill()
            os.close(terminal)


def read_until(terminal: int, text: str) -> str:
    """What a terminal shows until `text` is in it, or its program has closed it."""
    came = b""
    with contextlib.suppress(OSError):  # EIO: closed (ioctl_tty(2))
        while text.encode() not in came or not text:
            assert select.select([terminal], [], [], 60)[0], came
            came += os.read(terminal, 1 << 16)
    return came.decode()
