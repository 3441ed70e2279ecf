"""Fixtures of all tests: figures are drawn in memory only, and no test may leave a process behind."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import pytest

from iomux.conformance import evidenced
from tests.support.processes import children

mpl.use("agg")
os.environ.pop("PYTHONUNBUFFERED", None)  # some containers set it: what is printed in time there must be so anywhere

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background; what is started here inherits it
    signal.signal(signal.SIGINT, signal.default_int_handler)

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    before = children()
    yield
    left = [child for child in children() - before if child.is_running()]
    assert not left, f"{request.node.name} left processes behind: {left}"


@pytest.fixture(autouse=True, scope="session")  # not for a submission that is marked in a clone, where this is loaded
def _no_search() -> Iterator[None]:
    """Tests of the shortest conversation use the fixture `searched`; others need not wait for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidenced, "SEARCH_SECONDS", 0.0)
        yield


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check has time to find the shortest conversation that fails, also on a busy machine."""
    monkeypatch.setattr(evidenced, "SEARCH_SECONDS", 5.0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print where the browser's tests keep their screenshots, including those of xdist's workers."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    for folder in sorted(
        {value for report in reports for name, value in report.user_properties if name == "screenshots"}
    ):
        terminalreporter.write_line(f"screenshots: {folder}")
