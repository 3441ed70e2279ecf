"""Solutions of 10: one more question in three styles, a silent visitor, two requests at the same moment.

Functions that an exercise does not change are taken from the notebook's cells. Cost: three conversations; a tenth of a
second of silence; four recorded servers.
"""

import ast
import contextlib
import difflib
import inspect
import select
import socket
import time
import types
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import iomux
from iomux.course import notebook as pages
from iomux.events import EventLoop
from iomux.servers.connection import READ
from iomux.system.sockets import tcp_pair

if TYPE_CHECKING:
    import pandas as pd

PAGE = pages.FOLDER / "10_coroutines.ipynb"
PATIENCE_SECONDS = 0.1
_NEEDED = {"select": select, "deque": deque, "READ": READ}
on_line, line_of, run, _ = pages.define(PAGE, "on_line", "line_of", "run", "step", within=_NEEDED)
line: Callable[[socket.socket], Awaitable[bytes]] = types.coroutine(line_of)


def exercise_1() -> dict[str, tuple[bytes, int]]:
    """By style: the last message to a visitor, and how many lines of the page's login were added or changed."""
    written: dict[str, tuple[Callable[[socket.socket], None], tuple[Callable[..., Any], ...]]] = {
        "callbacks": (_call_back, (got_name, got_town, got_password)),
        "generators": (lambda client: run(login_generator(client)), (login_generator,)),
        "async": (lambda client: run(login_async(client)), (login_async,)),
    }
    return {style: (_visit(serve), _changed(*functions)) for style, (serve, functions) in written.items()}


def got_name(loop: EventLoop, client: socket.socket, name: bytes) -> None:
    """Ask for the town next."""
    client.send(b"town? ")
    on_line(loop, client, got_town, name)


def got_town(loop: EventLoop, client: socket.socket, town: bytes, name: bytes) -> None:
    """Ask for the password; pass the town on."""
    client.send(b"password? ")
    on_line(loop, client, got_password, name, town)


def got_password(loop: EventLoop, client: socket.socket, password: bytes, name: bytes, town: bytes) -> None:
    """Welcome or reject the visitor."""
    client.send(b"welcome, " + name + b" of " + town if password == name[::-1] else b"no")
    loop.unwatch(client.fileno())
    client.close()


def login_generator(client: socket.socket) -> Generator[int, None, None]:
    """The same login in straight-line code."""
    with client:
        client.send(b"name? ")
        name = yield from line_of(client)
        client.send(b"town? ")
        town = yield from line_of(client)
        client.send(b"password? ")
        password = yield from line_of(client)
        client.send(b"welcome, " + name + b" of " + town if password == name[::-1] else b"no")


async def login_async(client: socket.socket) -> None:
    """The same login with async and await (PEP 492)."""
    with client:
        client.send(b"name? ")
        name = await line(client)
        client.send(b"town? ")
        town = await line(client)
        client.send(b"password? ")
        password = await line(client)
        client.send(b"welcome, " + name + b" of " + town if password == name[::-1] else b"no")


def _call_back(client: socket.socket) -> None:
    with EventLoop() as loop:
        client.send(b"name? ")
        on_line(loop, client, got_name)
        loop.run()


def _visit(serve: Callable[[socket.socket], None]) -> bytes:
    near, far = tcp_pair()
    with far, ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve, near)
        for answer in (b"ada\n", b"london\n", b"ada"[::-1] + b"\n"):
            far.recv(100)
            far.sendall(answer)
        heard = far.recv(100)
        served.result()
    return heard


def _changed(*functions: Callable[..., Any]) -> int:
    """How many lines of these functions differ from the page's, apart from types and docstrings."""
    ours = [text for function in functions for text in _bare(inspect.getsource(function))]
    known = [name for function in functions if (name := function.__name__) != "got_town"]
    page = _bare(pages.source(PAGE, *known))
    return sum(mark.startswith("+ ") for mark in difflib.ndiff(page, ours))


def _bare(text: str) -> list[str]:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
            node.body = node.body[1:] if ast.get_docstring(node) else node.body
        elif isinstance(node, ast.arg):
            node.annotation = None
    return [line for line in ast.unparse(tree).splitlines() if line]


Patient = Generator[tuple[int, float], bool, None]
"""A task that yields a descriptor and a deadline; it is sent True if the descriptor is ready before that."""


def exercise_2() -> dict[str, tuple[bytes, float]]:
    """By visitor, one who answers and one who is silent: what each received, and seconds until its stream ended."""
    (near_ada, ada), (near_nobody, nobody) = tcp_pair(), tcp_pair()
    heard = {}
    with ada, nobody, ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        ada.sendall(b"ada\n")
        served = pool.submit(run_patiently, patient_login(near_ada), patient_login(near_nobody))
        for name, far in (("ada", ada), ("nobody", nobody)):
            heard[name] = receive_all(far), time.monotonic() - began
        served.result()
    return heard


def receive_all(far: socket.socket) -> bytes:
    """Everything up to the end of the stream."""
    return b"".join(iter(lambda: far.recv(100), b""))


def patient_login(client: socket.socket) -> Patient:
    """Ask for the name, and greet; close the connection of a visitor who is silent for too long."""
    with client:
        client.send(b"name? ")
        if (yield client.fileno(), time.monotonic() + PATIENCE_SECONDS):
            client.send(b"welcome, " + client.recv(100).strip())
        else:
            client.send(b"too late")


def run_patiently(*tasks: Patient) -> None:
    """The page's loop with deadlines: poll sleeps until the first one, and a task past its deadline is resumed."""
    poller, waiting = select.poll(), dict[int, tuple[float, Patient]]()
    for task in tasks:
        _step(task, None, poller, waiting)
    while waiting:
        first = min(moment for moment, _ in waiting.values())
        ready = {fd for fd, _ in poller.poll(max(0.0, first - time.monotonic()) * 1000)}
        due = {fd for fd, (moment, _) in waiting.items() if moment <= time.monotonic()}
        for fd in ready | due:
            poller.unregister(fd)
            _step(waiting.pop(fd)[1], fd in ready, poller, waiting)


def _step(task: Patient, news: bool | None, poller: "select.poll", waiting: dict[int, tuple[float, Patient]]) -> None:
    with contextlib.suppress(StopIteration):
        fd, moment = task.send(news)  # type: ignore[arg-type]  # the first send has to be None
        waiting[fd] = moment, task
        poller.register(fd, select.POLLIN)


def exercise_3() -> "pd.DataFrame":
    """A row for each server, a column for each client: ms from the request to the answer, both sent at one moment."""
    script = [(0.3, "A", b"a"), (0.3, "B", b"b"), (0.45, "A", b""), (0.45, "B", b"")]
    styles = iomux.choose("poll", "generators", "coroutines", "asyncio")
    marks = iomux.tape(styles, script, _slow_echo).groupby(["server", "client", "mark"], sort=False)["at_us"].first()
    moments = marks.unstack("mark")
    return ((moments["write"] - moments["arrival"]) / 1000).unstack("client")


def _slow_echo(data: bytes) -> bytes:
    time.sleep(0.05)
    return data
