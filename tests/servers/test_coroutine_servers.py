"""The servers on coroutines: over every poller, past select's limit, without epoll; no client leaves a frame behind."""

import contextlib
import gc
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import iomux
from iomux.servers import coroutines, get, pollers
from iomux.servers.scheduler import Scheduler, Task
from tests.servers.test_coroutines import POLLERS
from tests.servers.test_coroutines import pair as pair
from tests.servers.test_coroutines import tasks as tasks
from tests.support.clients import ask, connect, eventually


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
