"""Bugs of the clinic whose subject is a time limit, as far as no item of `check` sees them."""

import os
import select
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import iomux
from iomux.course import clinic
from iomux.course.clinic.limited import Ready
from iomux.system.process_tree import is_stopped
from tests.support.clients import DEADLINE, eventually


class Counting:
    """A poll object that watches nothing, and counts its calls."""

    def __init__(self) -> None:
        self.calls, self._list = 0, select.poll()

    def poll(self, milliseconds: float) -> Ready:
        self.calls += 1
        return self._list.poll(milliseconds)


@pytest.mark.parametrize(("side", "fewest", "most"), [("left_ms", 10, 1e9), ("cured_left_ms", 1, 1)])
def test_the_rest_of_a_wait_is_not_rounded_to_nothing(side: str, fewest: int, most: float) -> None:
    left_ms = getattr(clinic.case("rounded_to_zero"), side)
    calls = []
    for _ in range(5):
        poller, due = Counting(), time.monotonic() + 0.0009
        while time.monotonic() < due:
            poller.poll(left_ms(due))
        calls.append(poller.calls)
    assert fewest <= max(calls) <= most


def spoke_in_time(side: str) -> bytes:
    """What a client gets that speaks at once, to a server that is held up for longer than its limit."""
    module = clinic.case("idle_before_ready")
    with (
        iomux.start(getattr(module, side)) as running,
        socket.create_connection(running.address, timeout=DEADLINE) as client,
    ):
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"
        os.kill(running.pid, signal.SIGSTOP)
        assert eventually(lambda: is_stopped(running.pid))
        client.sendall(b"in time")
        time.sleep(module.IDLE_SECONDS + 0.1)
        os.kill(running.pid, signal.SIGCONT)
        try:
            return client.recv(100)
        except ConnectionResetError:  # it was closed with these bytes unread
            return b""


def test_a_client_that_spoke_in_time_is_not_let_go() -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(spoke_in_time, ("serve", "cured"))) == [b"", b"in time"]


def test_a_silent_client_is_let_go() -> None:
    with (
        iomux.start(clinic.case("idle_before_ready").cured) as running,
        socket.create_connection(running.address, timeout=DEADLINE) as client,
    ):
        assert client.recv(100) == b""
