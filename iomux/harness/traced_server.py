"""A server run traced: the one that was named, with a traced listener, and a traced poller where it has one.

It is itself a `serve` function, so `iomux.start` runs it like any other. SIGTERM asks it for what it has
seen: it writes that to a file and ends.
"""

import asyncio
import os
import selectors
import signal
import socket
from typing import Any, NoReturn, cast

from iomux import servers
from iomux.connection import Handler, complain, echo
from iomux.harness.trace import Trace
from iomux.harness.tracing import TracedListener, TracedPoller
from iomux.servers import asyncio_, epoll_, pollers, readiness

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
    traced = cast(socket.socket, TracedListener(listener, trace))
    arguments = (traced,) if handler is None else (traced, handler)
    servers.run_forever(_with_traced_poller(server, trace), *arguments)


def _with_traced_poller(server: str | servers.Serve, trace: Trace) -> servers.Serve:
    if not isinstance(server, str):
        return server
    if server in pollers.names():
        return _readiness(server, trace)
    if server == "epoll-et":
        return _edge_triggered(trace)
    return _asyncio(trace) if server == "asyncio" else servers.get(server).load()


def _readiness(name: str, trace: Trace) -> servers.Serve:
    def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
        poller, second = pollers.make(name)
        traced = TracedPoller(poller, poller.poll, trace, in_kernel=name == "epoll")
        readiness.run(listener, handler, traced, second)

    return serve


def _edge_triggered(trace: Trace) -> servers.Serve:
    def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
        epoll, _ = pollers.make("epoll")
        epoll_.run_edge_triggered(listener, handler, TracedPoller(epoll, epoll.poll, trace, in_kernel=True))

    return serve


def _asyncio(trace: Trace) -> servers.Serve:
    def new_loop() -> asyncio.AbstractEventLoop:
        selector = selectors.DefaultSelector()
        in_kernel = not isinstance(selector, selectors.SelectSelector | selectors.PollSelector)
        traced: Any = TracedPoller(selector, selector.select, trace, in_kernel)
        return asyncio.SelectorEventLoop(traced)

    def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
        asyncio_.run_on(new_loop, listener, handler)

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
