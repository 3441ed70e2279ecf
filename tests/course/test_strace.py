"""What strace counts of a server that runs, and what is said where it cannot watch."""

from functools import partial
from pathlib import Path

import pytest

import iomux
from iomux.course import strace
from tests.support.clients import ask, connect

pytestmark = pytest.mark.skipif(bool(strace.why_not()), reason=strace.why_not())
REQUESTS = 20


def test_each_request_is_counted_and_nothing_else() -> None:
    with iomux.start("poll") as server, connect(server.address) as client:
        ask(client, b"before")

        def work() -> None:
            for _ in range(REQUESTS):
                ask(client, b"hello")

        seen = strace.counted(server.pid, work)
    assert seen["recvfrom"] == REQUESTS
    assert seen["sendto"] in (REQUESTS - 1, REQUESTS), "the last reply may be here before its call has returned"
    assert set(seen) <= {"recvfrom", "sendto", "poll", "ppoll", "restart_syscall"}


def test_a_process_that_is_not_there_cannot_be_watched() -> None:
    nobody = int(Path("/proc/sys/kernel/pid_max").read_text()) + 1
    done: list[int] = []
    with pytest.raises(RuntimeError, match="cannot watch process"):
        strace.counted(nobody, partial(done.append, 1))
    assert not done
