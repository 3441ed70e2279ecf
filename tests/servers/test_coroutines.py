"""The scheduler: tasks wait for descriptors and for time, one that fails ends alone, and no descriptor is leaked."""

import ast
import contextlib
import gc
import io
import os
import socket
import sys
import time
import tokenize
from collections.abc import Generator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import iomux
from iomux.servers import coroutines, get, pollers, scheduler
from iomux.servers.connection import READ, WRITE
from iomux.servers.coroutines import receive, send_all
from iomux.servers.scheduler import Scheduler, Task, Wait
from tests.support.clients import ask, connect, eventually
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


def serve_over(name: str, run: Any) -> Any:
    def serve(listener: socket.socket, handler: Any = iomux.echo) -> None:
        run(listener, handler, *pollers.make(name))

    return serve


@pytest.mark.parametrize("run", [coroutines.run, coroutines.run_async])
@pytest.mark.parametrize("name", POLLERS)
def test_serves_over_every_poller(name: str, run: Any) -> None:
    with iomux.start(serve_over(name, run)) as server, connect(server.address) as one, connect(server.address) as two:
        assert ask(two, b"second") == b"second"
        assert ask(one, b"first") == b"first"


def test_a_client_that_select_cannot_watch_is_closed_and_the_others_are_served() -> None:
    if "select" not in POLLERS:
        pytest.skip(get("select").why_not())
    with (
        iomux.start(serve_over("select", coroutines.run)) as server,
        contextlib.ExitStack() as stack,
    ):
        clients = [stack.enter_context(connect(server.address)) for _ in range(1030)]
        assert clients[-1].recv(1) == b"", "closed"
        assert ask(clients[0], b"still") == b"still"
        assert eventually(lambda: "select cannot watch descriptor" in server.log)


@pytest.mark.parametrize("name", ["generators", "coroutines"])
def test_the_next_best_poller_is_used_where_epoll_is_hidden(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "epoll")
    assert pollers.best() == "poll"
    with iomux.start(name) as server, connect(server.address) as client:
        assert ask(client, b"hello") == b"hello"
        wchan = Path(f"/proc/{server.pid}/wchan")
        if sys.platform == "linux" and wchan.exists():
            assert "epoll" not in wchan.read_text()


@pytest.mark.parametrize("converse", [coroutines.converse, coroutines.converse_async])
def test_no_frame_is_left_after_a_client_has_gone(converse: Any, pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    poller, unit = pollers.make(pollers.best())
    tasks = Scheduler(poller, unit)
    task: Task = converse(near, iomux.echo)
    tasks.spawn(task)
    far.sendall(b"hello")
    far.shutdown(socket.SHUT_WR)
    tasks.run()
    assert far.recv(10) == b"hello"
    assert far.recv(10) == b""
    assert near.fileno() == -1
    gc.collect()
    left = SimpleNamespace(**vars(tasks))
    assert (left._waiting, left._interest, left._timers) == ({}, {}, [])
