"""A bug of the clinic that no client can see, only who looks at the server's processes: one of four gets all."""

import contextlib
import os
import socket
from collections import Counter

import psutil
import pytest

import iomux
from iomux.course import clinic
from iomux.servers import get
from tests.support.clients import DEADLINE, eventually


def all_asleep(pid: int) -> bool:
    return all(one.status() == psutil.STATUS_SLEEPING for one in psutil.Process(pid).children())


def most_of_twelve(side: str) -> int:
    """How many of twelve clients, who come one after the other, the busiest worker has."""
    workers = Counter[bytes]()
    server = getattr(clinic.case("one_worker_gets_all"), side)
    with iomux.start(server, handler=lambda _: b"%d" % os.getpid()) as running, contextlib.ExitStack() as stay:
        for _ in range(12):
            client = stay.enter_context(socket.create_connection(running.address, timeout=DEADLINE))
            client.sendall(b"who are you?")
            workers[client.recv(100)] += 1
            assert eventually(lambda: all_asleep(running.pid))  # before the next one comes
    return max(workers.values())


@pytest.mark.skipif(not get("epoll").available(), reason="epoll is missing here, or hidden")
def test_the_kernel_begins_with_the_same_worker_unless_each_lines_up_again() -> None:
    assert most_of_twelve("serve") > 9
    assert most_of_twelve("cured") < 7
