"""What the pages build, put together from their cells: the exercises change one function of it, or call it.

A reader has the page's functions in the notebook; here they are taken out of it (`iomux.course.notebook`), so a
solution holds only what is new. It needs the notebooks, that is, a checkout of the course. Cost: some milliseconds a
page.
"""

import ast
import select
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import iomux
from iomux.course import notebook as pages
from iomux.servers import connection
from iomux.servers.readiness import Poller

FOLDER = Path(__file__).parents[2] / "notebooks"
_SERVER = {
    "04_select.ipynb": ("watch", "admit", "read", "write", "settle", "leave", "turn", "serve_ready", "serve"),
    "05_poll.ipynb": ("watch", "serve_ready", "serve"),
    "06_epoll.ipynb": ("watch", "serve"),
}
"""Of what functions a page's server consists: its own, and for the others those of the pages before it."""


def functions(page: str, *names: str, **needed: Any) -> dict[str, Any]:
    """A page's functions by name, and beside them what they need: modules and what stands in other cells.

    The same dict is where they find what they call: who replaces a function in it has changed the page's program.
    Raises FileNotFoundError where there are no notebooks, LookupError for a function that the page does not define.
    """
    return _define(page, names, needed)


def server(page: str) -> dict[str, Any]:
    """The functions of the server that page 04, 05 or 06 builds; `["serve"]` is what `iomux.start` takes."""
    if page not in _SERVER:
        raise LookupError(f"{page} builds no server of such parts: choose one of {', '.join(_SERVER)}")
    names: dict[str, Any] = {"iomux": iomux, "select": select, "SimpleNamespace": SimpleNamespace}
    names["HIGH_WATER_BYTES"] = connection.HIGH_WATER_BYTES
    for each, own in _SERVER.items():
        _define(each, own, names)
        if each == page:
            break
    return names


def _define(page: str, names: tuple[str, ...], within: dict[str, Any]) -> dict[str, Any]:
    if not (FOLDER / page).exists():
        raise FileNotFoundError(f"there is no {page} in {FOLDER}: the solutions need a checkout of the course")
    pages.define(FOLDER / page, *names, within=within)
    return within


def counted(poller: Poller, counts: Counter[str]) -> Any:
    """The poller, each call of it counted under its name."""

    def counting(name: str) -> Callable[..., Any]:
        call = getattr(poller, name)

        def count(*arguments: Any) -> Any:
            counts[name] += 1
            return call(*arguments)

        return count

    return SimpleNamespace(**{name: counting(name) for name in ("register", "modify", "unregister", "poll")})


def serving(page: dict[str, Any], make: Callable[[], Poller]) -> Callable[[socket.socket], None]:
    """The `serve` of page 05 or 06 on a counted poller; its answer to whatever comes is the counts."""

    def serve(listener: socket.socket) -> None:
        counts: Counter[str] = Counter()
        listener.setblocking(False)
        state = SimpleNamespace(poller=counted(make(), counts), socks={}, owed={}, ended=set())
        state.handler = lambda data: repr(dict(counts)).encode()
        page["watch"](state, listener, reading=True, writing=False)
        while True:
            page["serve_ready"](state, listener, state.poller.poll())

    return serve


def calls_a_request(page: dict[str, Any], make: Callable[[], Poller], requests: int = 100) -> dict[str, float]:
    """By name, how often each call was made for a request, on average; calls that none was made of are left out."""
    with iomux.start(serving(page, make)) as server, socket.create_connection(server.address, timeout=5) as client:
        first, *_, last = (_ask(client) for _ in range(requests + 1))
    return {name: made / requests for name, made in (last - first).items()}


def _ask(client: socket.socket) -> Counter[str]:
    client.sendall(b"how many?")
    return Counter(ast.literal_eval(client.recv(1000).decode()))
