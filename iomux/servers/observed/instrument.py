"""Run a registered server with its poller or listener replaced, so that each call can be observed.

Each server has a `run` function that takes its poller as an argument. `with_poller` calls it with the usual poller
wrapped by the caller's object, which passes every call on and notes what it needs; `Listener` does the same for
`accept`. The server's code runs unchanged. The timeline and the tape are both built on this.

Cost: one Python call more for each call of the poller or of `accept`, and whatever the wrapper notes.
"""

import inspect
import os
import select
import selectors
import socket
from collections.abc import Callable
from typing import Any, NoReturn

from iomux import servers
from iomux.servers import coroutines, epoll_, pollers, readiness
from iomux.servers.connection import Handler, echo, log_error


class Listener:
    """A listening socket with a replaced `accept`; everything else is passed on to the socket."""

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
"""`wrap(poller, wait, in_kernel=...)` returns the wrapped poller. poller: a poller or a selector; wait: its waiting
call; in_kernel: whether its interest list is in the kernel."""

UNTRACEABLE = {"uvloop": "its recv and send are libuv's own, in C, where no stamp can be taken"}
"""The servers that can't be observed this way, each with the reason."""


def with_poller(server: str | servers.Serve, wrap: Wrap) -> servers.Serve:
    """A `serve` function of the server that uses its poller wrapped by `wrap`; unchanged if it has no poller."""
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
        epoll = select.epoll()  # `pollers.make` would fail if IOMUX_WITHOUT hides epoll
        epoll_.run_edge_triggered(listener, handler, wrap(epoll, epoll.poll, in_kernel=True))

    return serve


def _asyncio(wrap: Wrap) -> servers.Serve:
    import asyncio  # not at the top: the import is slow, and no other traced server needs it

    from iomux.servers import asyncio_

    def new_loop() -> asyncio.AbstractEventLoop:
        selector = selectors.DefaultSelector()
        in_kernel = not isinstance(selector, selectors.SelectSelector | selectors.PollSelector)
        return asyncio.SelectorEventLoop(wrap(selector, selector.select, in_kernel=in_kernel))

    def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
        asyncio_.run_protocol(new_loop, asyncio_.buffered(), listener, handler)

    return serve


def takes_handler(serve: servers.Serve) -> bool:
    """Whether a `serve` function can be called with a listener and a handler.

    Example:
    >>> from iomux.servers.observed.instrument import takes_handler
    >>> takes_handler(lambda listener: None)
    False
    """
    function = getattr(serve, "function", serve)  # what another way of calling calls in the end
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # it has no signature to look at, as some functions in C
        return True
    return True


def arguments_for(serve: servers.Serve, listener: socket.socket, handler: Handler | None) -> tuple[Any, ...]:
    """The arguments for a `serve` function; ends the process with a sentence if it takes no handler and gets one."""
    if handler is None:
        return (listener,)
    if not takes_handler(serve):
        log_error(f"{getattr(serve, '__name__', serve)}(listener) has no parameter for a handler: leave out handler=")
        os._exit(1)  # not by an exception: its traceback would be longer than the reason
    return listener, handler
