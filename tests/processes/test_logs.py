"""The thread that keeps logs short: it goes on whatever becomes of one of them, and is started again if it ended."""

import gc
import os
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator
from typing import IO

import pytest

from iomux.processes import logs
from tests.support.clients import DEADLINE, eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a log is not bounded (fallocate(2))")
_MOST = 1 << 20


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of a MiB is long, and no thread runs yet."""
    assert eventually(lambda: not logs._watchers)
    monkeypatch.setattr(logs, "MOST_BYTES", _MOST)


@pytest.fixture
def long_log() -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as log:
        log.write(os.urandom(4 * _MOST))
        log.flush()
        yield log
        logs.unwatch("long")


def is_short(log: IO[bytes]) -> bool:
    return os.fstat(log.fileno()).st_blocks * 512 <= _MOST


def test_a_log_that_was_closed_too_early_does_not_end_it(long_log: IO[bytes]) -> None:
    with tempfile.TemporaryFile() as closed:
        logs.watch("closed", closed)
    assert eventually(lambda: "closed" not in logs._watched)
    logs.watch("long", long_log)
    assert eventually(lambda: is_short(long_log))


def test_it_is_started_again_if_it_has_ended(long_log: IO[bytes]) -> None:
    ended = threading.Thread()
    ended.start()
    ended.join()
    logs._watchers.append(ended)
    logs.watch("long", long_log)
    assert eventually(lambda: is_short(long_log))


def test_what_is_collected_as_garbage_meanwhile_may_say_that_it_has_ended() -> None:
    class Unreachable:
        def __init__(self) -> None:
            self.me = self

    def collect() -> None:
        with logs._lock:
            gc.collect()

    weakref.finalize(Unreachable(), logs.unwatch, "who")
    collecting = threading.Thread(target=collect, daemon=True)
    collecting.start()
    collecting.join(DEADLINE)
    assert not collecting.is_alive()
