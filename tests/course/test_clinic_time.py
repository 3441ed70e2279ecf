"""Bugs of the clinic whose subject is a time limit, as far as no item of `check` sees them."""

import select
import socket
import time
from collections.abc import Callable

import pytest

import iomux
from iomux.course import clinic
from iomux.course.clinic.integrity import idle_before_ready
from iomux.course.clinic.integrity.idle_before_ready import Room
from iomux.course.clinic.limited import Ready
from iomux.course.clinic.loop import begin
from iomux.servers.connection import echo
from tests.support.clients import DEADLINE


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


def spoke_in_time(after_waking: Callable[[Room, Ready], None]) -> bytes:
    """What a client gets that spoke before its limit, from a server that looks only after the limit."""
    with (
        iomux.listen() as listener,
        socket.create_connection(listener.getsockname(), timeout=DEADLINE) as client,
    ):
        room = Room(listener, echo, *begin(listener, select.poll()))
        after_waking(room, room.poller.poll(1000 * DEADLINE))  # the client is let in
        [fd] = room.until
        client.sendall(b"in time")
        room.until[fd] = time.monotonic() - 1
        after_waking(room, room.poller.poll(1000 * DEADLINE))
        for of_client in room.clients.values():
            of_client.sock.close()
        try:
            return client.recv(100)
        except ConnectionResetError:  # it was closed with these bytes unread
            return b""


def test_a_client_that_spoke_in_time_is_not_let_go() -> None:
    assert spoke_in_time(idle_before_ready.after_waking) == b""
    assert spoke_in_time(idle_before_ready.cured_after_waking) == b"in time"


def test_a_silent_client_is_let_go() -> None:
    with (
        iomux.start(idle_before_ready.cured) as running,
        socket.create_connection(running.address, timeout=DEADLINE) as client,
    ):
        assert client.recv(100) == b""
