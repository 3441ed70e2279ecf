"""What all tests share: figures go nowhere, and no test may leave a process behind."""

import os
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import psutil
import pytest

mpl.use("agg")

HERE = Path(__file__).parent


def children() -> set[psutil.Process]:
    """Our child processes. psutil asks all processes of the machine for them: first ask the kernel if there are any."""
    try:
        if hasattr(os, "waitid"):  # not in every macOS
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # reaps nobody; without children ECHILD
    except ChildProcessError:
        return set()
    return set(psutil.Process().children())


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    before = children()
    yield
    left = [child for child in children() - before if child.is_running()]
    assert not left, f"{request.node.name} left processes behind: {left}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where the browser's tests keep their screenshots: also those of xdist's workers, which have no terminal."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    for folder in sorted(
        {value for report in reports for name, value in report.user_properties if name == "screenshots"}
    ):
        terminalreporter.write_line(f"screenshots: {folder}")
