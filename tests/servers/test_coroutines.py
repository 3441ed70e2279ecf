"""The scheduler: tasks wait for descriptors and for time, one that fails ends alone, and no descriptor is leaked."""

import ast
import contextlib
import io
import os
import socket
import time
import tokenize
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from iomux.servers import get, pollers, scheduler
from iomux.servers.coroutines import receive, send_all
from iomux.servers.scheduler import Scheduler, Wait
from tests.support.counted import FEW, CountedPoller

POLLERS = [name for name in pollers.names() if get(name).available()]


@pytest.fixture(params=POLLERS)
def tasks(request: pytest.FixtureRequest) -> Iterator[Scheduler]:
    """A scheduler over each poller that there is."""
    poller, unit = pollers.make(request.param)
    yield Scheduler(poller, unit)
    if isinstance(poller, contextlib.AbstractContextManager):
        poller.__exit__(None, None, None)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected nonblocking sockets."""
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        yield near, far


def code_lines(source: str) -> int:
    """Lines that hold code: no blank ones, no comments, no docstrings."""
    tree = ast.parse(source)
    words = [node for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    prose = {line for node in words for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in layout]
    return len({line for token in tokens for line in range(token.start[0], token.end[0] + 1)} - prose)


def test_the_scheduler_is_at_most_60_lines() -> None:
    assert code_lines('"""Prose."""\n\nx = [\n    1,  # why\n]\n# why\n') == 3
    assert 30 < code_lines(Path(scheduler.__file__).read_text()) <= 60


def test_a_conversation_of_a_generator_and_a_coroutine(
    tasks: Scheduler, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    heard = []

    def asks() -> Generator[Wait, None, None]:
        for word in (b"one", b"two"):
            yield from send_all(near, word)
            heard.append((yield from receive(near)))
        near.close()

    async def answers() -> None:
        while data := await receive(far):
            await send_all(far, data.upper())

    tasks.spawn(asks())
    tasks.spawn(answers())
    tasks.run()
    assert heard == [b"ONE", b"TWO"]


def test_more_than_the_kernel_takes_is_sent_in_turns(
    tasks: Scheduler, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    message, got, turns = os.urandom(3_000_000), bytearray(), [0]

    async def sends() -> None:
        await send_all(near, message)
        near.close()

    async def reads() -> None:
        while data := await receive(far):
            got.extend(data)
            turns[0] += 1

    tasks.spawn(sends())
    tasks.spawn(reads())
    tasks.run()
    assert bytes(got) == message
    assert turns[0] >= 3_000_000 / 65_536


def count_polls(tasks: Scheduler) -> CountedPoller:
    tasks._poller = counted = CountedPoller(tasks._poller)
    return counted


def test_sleepers_wake_in_the_order_of_their_times(tasks: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    woken, counted, began = [], count_polls(tasks), time.monotonic()
    # As if all had started to sleep now: on a busy machine much time may pass between one and the next.
    monkeypatch.setattr(scheduler, "deadline", lambda seconds: began + seconds)

    def sleeps(seconds: float) -> Generator[Wait, None, None]:
        yield seconds
        woken.append(seconds)

    for seconds in (0.2, 0.1, 0.15):
        tasks.spawn(sleeps(seconds))
    tasks.run()
    assert woken == [0.1, 0.15, 0.2]
    assert time.monotonic() - began >= 0.2
    assert counted.polls < FEW, "it slept instead of polling"


def test_yielding_0_lets_the_other_tasks_run_first(tasks: Scheduler, pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    said = []

    def talks(name: str) -> Generator[Wait, None, None]:
        for number in range(3):
            said.append(f"{name}{number}")
            yield 0

    async def hears() -> None:
        said.append((await receive(near)).decode())

    far.send(b"heard")
    for task in (hears(), talks("a"), talks("b")):
        tasks.spawn(task)
    tasks.run()
    assert [word for word in said if word != "heard"] == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert said.index("heard") < said.index("b2"), "tasks that never wait do not starve those that do"


def test_a_task_that_fails_ends_alone(tasks: Scheduler, capfd: pytest.CaptureFixture[str]) -> None:
    done = []

    def fails() -> Generator[Wait, None, None]:
        yield 0
        raise ZeroDivisionError("a bug")

    def works() -> Generator[Wait, None, None]:
        yield 0.05
        done.append(True)

    tasks.spawn(fails())
    tasks.spawn(works())
    tasks.run()
    assert done == [True]
    assert "ZeroDivisionError: a bug" in capfd.readouterr().err
