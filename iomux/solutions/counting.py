"""Which calls a page's server makes of its poller, for each request: for the exercises of pages 05 and 06.

The poller is wrapped in an object of the same four methods, and the handler answers with the counts so far. So the
client hears them, and the difference of two answers is what the requests between them have cost.
"""

import ast
import socket
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import iomux
from iomux.servers.readiness import Poller


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
