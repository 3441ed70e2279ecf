"""The scheduler and waits that cannot be: an impossible one, two for one descriptor, and one that is over."""

import socket
from collections.abc import Generator
from typing import Any

import pytest

from iomux.servers.connection import READ, WRITE
from iomux.servers.coroutines import receive, send_all
from iomux.servers.scheduler import Scheduler, Wait
from tests.servers.test_coroutines import count_polls
from tests.servers.test_coroutines import pair as pair
from tests.servers.test_coroutines import tasks as tasks
from tests.support.counted import FEW


@pytest.mark.parametrize("wait", [(-1, READ), "soon", (1, 2, 3), None])
def test_an_impossible_wait_is_raised_in_the_task(tasks: Scheduler, wait: Any) -> None:
    told = []

    def asks() -> Generator[Wait, None, None]:
        try:
            yield wait
        except (OSError, ValueError, TypeError) as error:
            told.append(error)
        yield 0.01
        told.append(None)  # type: ignore[arg-type]

    tasks.spawn(asks())
    tasks.run()
    assert len(told) == 2


def test_a_second_task_waiting_for_a_descriptor_gets_an_error(
    tasks: Scheduler, pair: tuple[socket.socket, socket.socket], capfd: pytest.CaptureFixture[str]
) -> None:
    near, far = pair
    heard = []

    async def first() -> None:
        heard.append(await receive(near))

    async def second() -> None:
        await receive(near)

    async def speaks() -> None:
        await send_all(far, b"hello")

    for task in (first(), second(), speaks()):
        tasks.spawn(task)
    tasks.run()
    assert heard == [b"hello"]
    assert f"another task waits for descriptor {near.fileno()}" in capfd.readouterr().err


def test_a_task_is_not_woken_by_a_descriptor_it_no_longer_waits_for(
    tasks: Scheduler, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    far.send(b"more than it reads")

    def reads_little() -> Generator[Wait, None, None]:
        yield near.fileno(), READ
        near.recv(1)
        yield 0.3
        yield near.fileno(), WRITE

    counted = count_polls(tasks)
    tasks.spawn(reads_little())
    tasks.run()
    assert counted.polls < FEW, "a ready descriptor without a waiting task wakes no task"
