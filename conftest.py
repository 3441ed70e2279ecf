"""pytest for the whole project: nbval's rules, by an absolute path, a SIGINT that works, two notebooks at a time."""

import fcntl
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

SEATS = tuple(Path(__file__).parent / "notebooks" / name for name in ("00_start_here.ipynb", "01_blocking.ipynb"))
"""Whoever runs a notebook holds a lock on one of these: it measures, and on two cores a third would be in the way."""
_taken: list[IO[bytes]] = []


def pytest_configure(config: pytest.Config) -> None:
    """Set nbval's rules; on the command line their path would depend on the folder pytest is started from."""
    config.option.nbval_sanitize_with = str(Path(__file__).parent / "tests" / "nbval.cfg")
    # Started in the background of a script, we ignore SIGINT, and so would every process that a test sends it to.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around pytest-timeout: to wait for a seat is no test's time
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Of all workers two at most run a notebook at the same time: each takes a seat for its cells."""
    if item.path.suffix == ".ipynb" and not _taken:
        _taken.append(_seat())
    try:
        return (yield)
    finally:
        if _taken and (nextitem is None or nextitem.path != item.path):
            _taken.pop().close()


def _seat() -> IO[bytes]:
    while True:
        for path in SEATS:
            file = path.open("rb")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
            else:
                return file
        time.sleep(0.1)
