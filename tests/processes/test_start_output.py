"""What a server of `iomux.start` prints: readable at once, bounded on the disk, its last words kept."""

import os
import sys
import threading
import time
from typing import Any

import psutil
import pytest

import iomux
from tests.students.faults import (
    prints_much_and_breaks,
    prints_without_end,
    prints_without_end_in_a_child,
)
from tests.support.clients import connect, eventually


def test_the_output_of_a_server_can_be_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)

    def talks(listener: Any) -> None:
        print("here I am")
        time.sleep(600)

    with iomux.start(talks) as server:
        assert eventually(lambda: server.log == "here I am\n")


MIB = 1 << 20
linux = pytest.mark.skipif(sys.platform != "linux", reason="a hole is punched into a log on Linux only")


def held_bytes(server: iomux.Server) -> int:
    """How many bytes of disk a server's log takes."""
    return os.fstat(server._log.fileno()).st_blocks * 512


def watchers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "iomux-logs"]


@linux
@pytest.mark.parametrize("serve", [prints_without_end, prints_without_end_in_a_child])
def test_a_server_that_prints_without_end_does_not_fill_the_disk(serve: Any) -> None:
    with iomux.start(serve) as server:
        assert eventually(lambda: server.written_bytes > 256 * MIB)
        for process in (psutil.Process(server.pid), *psutil.Process(server.pid).children()):
            process.suspend()
        assert eventually(lambda: held_bytes(server) <= 16 * MIB)
        assert server.log.rstrip().endswith("x" * 100)
        assert server.log.startswith("[")
    assert eventually(lambda: not watchers())


@linux
def test_the_last_words_of_a_server_that_printed_much_are_kept() -> None:
    server = iomux.start(prints_much_and_breaks)
    connect(server.address).close()
    assert eventually(lambda: not server.alive)
    assert eventually(lambda: held_bytes(server) <= 16 * MIB)
    with pytest.raises(iomux.ServerError, match="ZeroDivisionError: on purpose"):
        server.check()
    server.stop()
