"""Run a registered server over a poller of your own: what tracing and recording both stand on."""

import select
import selectors
import socket
from collections.abc import Callable
from typing import Any, NoReturn

from iomux import servers
from iomux.servers import coroutines, epoll_, pollers, readiness
from iomux.servers.connection import Handler, echo


class Listener:
    """A listening socket with another `accept`; everything else is the socket's own."""

    def __init__(self, listener: socket.socket, accept: Callable[[], tuple[Any, Any]]) -> None:
        self._listener = listener
        self.accept = accept

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)


_SCHEDULED: dict[str, Callable[..., Any]] = {"generators": coroutines.run, "coroutines": coroutines.run_async}


Wrap = Callable[..., Any]
"""`wrap(poller, wait, in_kernel=...)`: a poller, or a selector, its waiting call, whether its list is in the kernel."""


UNTRACEABLE = {"uvloop": "its recv and send are libuv's own, in C, where no stamp can be taken"}


def with_poller(server: str | servers.Serve, wrap: Wrap) -> servers.Serve:
    """The server's own `serve`, over its poller wrapped by `wrap`; one that has none of its own stays as it is."""
    if not isinstance(server, str):
        return server
    if server in pollers.names():
        return _on_poller(readiness.run, server, wrap)
    if server in _SCHEDULED:
        return _on_poller(_SCHEDULED[server], pollers.best(), wrap)
    if server == "epoll-et":
        return _edge_triggered(wrap)
    return _asyncio(wrap) if server == "asyncio" else servers.get(server).load()


def _on_poller(run: Callable[..., Any], name: str, wrap: Wrap) -> servers.Serve:
    def serve(listener: socket.socket, handler: Handler = echo) -> None:
        poller, unit = pollers.make(name)
        run(listener, handler, wrap(poller, poller.poll, in_kernel=name == "epoll"), unit)

    return serve


def _edge_triggered(wrap: Wrap) -> servers.Serve:
    def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
        epoll = select.epoll()  # as the plain server: to hide the server epoll does not hide this one
        epoll_.run_edge_triggered(listener, handler, wrap(epoll, epoll.poll, in_kernel=True))

    return serve


def _asyncio(wrap: Wrap) -> servers.Serve:
    import asyncio  # here: no other traced server has to wait until it is imported

    from iomux.servers import asyncio_

    def new_loop() -> asyncio.AbstractEventLoop:
        selector = selectors.DefaultSelector()
        in_kernel = not isinstance(selector, selectors.SelectSelector | selectors.PollSelector)
        return asyncio.SelectorEventLoop(wrap(selector, selector.select, in_kernel=in_kernel))

    def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
        asyncio_.run_on(new_loop, listener, handler)

    return serve
