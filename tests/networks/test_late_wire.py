"""A wire that is late: its own report says so, and so does a load whose packets it carried."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import iomux
from tests.support.clients import eventually

pytestmark = pytest.mark.usefixtures("works")


def test_a_wire_that_is_late_says_so() -> None:
    """It is stopped while packets are under way."""
    with iomux.network(delay_ms=300) as network:
        a, b = network
        with a.socket(socket.SOCK_DGRAM) as near:
            for _ in range(100):
                near.sendto(b"x", (b.address, 9))
            assert eventually(lambda: a.link.report().packets == 100)
            os.kill(network._parts.pid("wire"), signal.SIGSTOP)
            time.sleep(1.0)
            os.kill(network._parts.pid("wire"), signal.SIGCONT)
            assert eventually(lambda: a.link.report().delivered == 100)
        report = network.link.report()
    assert report.late_us["max"] > 100_000
    assert any("the wire was late" in doubt for doubt in report.doubts)


@contextmanager
def napping(pid: int, runs_s: float = 0.01, naps_s: float = 0.06) -> Iterator[None]:
    """A process that is stopped most of the time."""
    over = threading.Event()

    def nap() -> None:
        while not over.wait(runs_s):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(naps_s)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=nap)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_run_whose_wire_was_late_is_in_doubt() -> None:
    """Each packet waits for the wire to wake: the figures are the wire's, and no server's."""
    with iomux.network(delay_ms=20) as (a, b), b.start("poll") as server, napping(b._parts.pid("wire")):
        result = a.load(server, connections=10, active=10, duration=1.0)
    assert result.disturbed
    assert result.errors == {}
    assert any("the wire was late: half of the packets came" in doubt for doubt in result.doubts), result.doubts
