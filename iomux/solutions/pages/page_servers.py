"""The servers that the notebooks build, assembled from their cells, for solutions that change or call a function.

A reader has the page's functions in the notebook; here they are taken from it (`iomux.course.notebook`), so a
solution holds only what is new. Cost: some milliseconds for each page.
"""

import ast
import select
import socket
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import iomux
from iomux.course import notebook as pages
from iomux.servers import connection
from iomux.servers.readiness import Poller

_SERVER = {
    "04_select.ipynb": ("watch", "admit", "read", "write", "settle", "leave", "turn", "serve_ready", "serve"),
    "05_poll.ipynb": ("watch", "serve_ready", "serve"),
    "06_epoll.ipynb": ("watch", "serve"),
}
"""The functions that each page defines for its server; the others are those of the pages before it."""


def functions(page: str, *names: str, **needed: Any) -> dict[str, Any]:
    """A page's functions by name, together with what they need: modules and values from other cells.

    The functions look up what they call in this same dict: to replace a function in it changes the page's program.
    Raises LookupError for a function that the page does not define.
    """
    return _define(page, names, needed)


def server(page: str) -> dict[str, Any]:
    """The functions of the server of page 04, 05 or 06; pass `["serve"]` to `iomux.start`."""
    if page not in _SERVER:
        raise LookupError(f"{page} builds no server of such parts: choose one of {', '.join(_SERVER)}")
    names: dict[str, Any] = {"iomux": iomux, "select": select, "SimpleNamespace": SimpleNamespace}
    names["HIGH_WATER_BYTES"] = connection.HIGH_WATER_BYTES
    for earlier, defined in _SERVER.items():
        _define(earlier, defined, names)
        if earlier == page:
            break
    return names


def _define(page: str, names: tuple[str, ...], within: dict[str, Any]) -> dict[str, Any]:
    pages.define(pages.FOLDER / page, *names, within=within)
    return within


def counted(poller: Poller, counts: Counter[str]) -> Any:
    """The poller, with each call counted under its name."""

    def counting(name: str) -> Callable[..., Any]:
        call = getattr(poller, name)

        def count(*arguments: Any) -> Any:
            counts[name] += 1
            return call(*arguments)

        return count

    return SimpleNamespace(**{name: counting(name) for name in ("register", "modify", "unregister", "poll")})


def serving(page: dict[str, Any], make: Callable[[], Poller]) -> Callable[[socket.socket], None]:
    """The `serve` of page 05 or 06 on a counted poller; it answers every message with the counts."""

    def serve(listener: socket.socket) -> None:
        counts: Counter[str] = Counter()
        listener.setblocking(False)
        state = SimpleNamespace(poller=counted(make(), counts), socks={}, owed={}, ended=set())
        state.handler = lambda data: repr(dict(counts)).encode()
        page["watch"](state, listener, reading=True, writing=False)
        while True:
            page["serve_ready"](state, listener, state.poller.poll())

    return serve


def calls_per_request(page: dict[str, Any], make: Callable[[], Poller], requests: int = 100) -> dict[str, float]:
    """The mean number of calls per request, by the name of the call; calls that were never made are left out."""
    with iomux.start(serving(page, make)) as server, socket.create_connection(server.address, timeout=5) as client:
        first, *_, last = (_ask(client) for _ in range(requests + 1))
    return {name: made / requests for name, made in (last - first).items()}


def _ask(client: socket.socket) -> Counter[str]:
    client.sendall(b"how many?")
    return Counter(ast.literal_eval(client.recv(1000).decode()))
