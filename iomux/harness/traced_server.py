"""A server run traced: the one that was named, with a traced listener, and a traced poller where it has one.

It is itself a `serve` function, so `iomux.start` runs it like any other. SIGTERM asks it for what it has
seen: it writes that to a file and ends.
"""

import functools
import os
import select
import selectors
import signal
import socket
from collections.abc import Callable
from typing import Any, NoReturn, cast

from iomux import servers
from iomux.connection import Handler, complain, echo
from iomux.harness.trace import Trace
from iomux.harness.tracing import TracedListener, TracedPoller
from iomux.servers import coroutines, epoll_, pollers, readiness

_SCHEDULED: dict[str, Callable[..., Any]] = {"generators": coroutines.run, "coroutines": coroutines.run_async}

Wrap = Callable[..., Any]
"""`wrap(poller, wait, in_kernel=...)`: a poller, or a selector, its waiting call, whether its list is in the kernel."""

UNTRACEABLE = {"uvloop": "its recv and send are libuv's own, in C, where no stamp can be taken"}


def serve(
    server: str | servers.Serve,
    room: int,
    path: str,
    listener: socket.socket,
    handler: Handler | None = None,
) -> NoReturn:
    """Run `server` traced, with room for so many events; at SIGTERM write them, packed, to `path`, and end."""
    trace = Trace(room)
    signal.signal(signal.SIGTERM, lambda *_: _write_and_leave(trace, path))
    listening = cast(socket.socket, TracedListener(listener, trace))
    arguments = (listening,) if handler is None else (listening, handler)
    try:
        servers.run_forever(traced(server, trace), *arguments)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one that dies is to end with its traceback, not with a trace


def traced(server: str | servers.Serve, trace: Trace) -> servers.Serve:
    """The server's own `serve`, over its poller, or its ring, traced; what it accepts is the listener's affair."""
    wrap = functools.partial(TracedPoller, trace=trace)
    return _io_uring(trace) if server == "io_uring" else with_poller(server, wrap)


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
        poller, second = pollers.make(name)
        run(listener, handler, wrap(poller, poller.poll, in_kernel=name == "epoll"), second)

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


def _io_uring(trace: Trace) -> servers.Serve:
    def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
        from iomux.harness.tracing_ring import TracedRing
        from iomux.servers import uring

        traced: Any = TracedRing(uring.new_ring(), trace)
        uring.run_on(traced, listener, handler)

    return serve


def _write_and_leave(trace: Trace, path: str) -> NoReturn:
    try:
        packed = trace.packed()
    except OverflowError as error:
        complain(f"iomux: {error}")
        os._exit(1)
    with open(f"{path}.part", "wb") as file:
        file.write(packed)
    os.replace(f"{path}.part", path)
    os._exit(0)
