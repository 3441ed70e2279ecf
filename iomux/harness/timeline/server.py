"""Run a server traced: with a traced listener, and a traced poller if it has one, its own or one that it is given.

`serve` is itself a server's function, so `iomux.start` runs it like any other. At SIGTERM it writes its trace
to a file and ends.
"""

import functools
import os
import signal
import socket
from typing import Any, NoReturn, cast

from iomux import servers
from iomux.harness.timeline.reports import Reports
from iomux.harness.timeline.sockets import TracedPoller, traced_listener
from iomux.harness.timeline.trace import EventSink, Trace
from iomux.servers.connection import Handler, echo, log_error
from iomux.servers.observed.instrument import Listener, arguments_for, with_poller
from iomux.servers.observed.watched_select import watch


def serve(
    server: str | servers.Serve,
    capacity: int,
    path: str,
    listener: socket.socket,
    handler: Handler | None = None,
) -> NoReturn:
    """Run `server` traced, with room for `capacity` events; at SIGTERM write them, packed, to `path`, and end."""
    trace = Trace(capacity)
    if isinstance(server, str):
        _run(traced(server, trace), trace, path, traced_listener(listener, trace), handler)
    watched(server, capacity, path)(listener, handler)
    raise AssertionError("unreachable: a server's function never returns")


def watched(server: Any, capacity: int, path: str) -> servers.Serve:
    """A `serve` function that runs someone's own server traced; its pollers are watched from now on.

    A file is imported here, after that: it may make its pollers when it is imported.
    """
    trace = Trace(capacity)
    reports = Reports(trace)
    watch(reports, getattr(server, "function", server))
    function = server.import_file() if hasattr(server, "import_file") else server

    def serve_watched(listener: socket.socket, handler: Handler | None = None) -> None:
        _run(function, trace, path, traced_listener(listener, trace, reports), handler)

    return serve_watched


def _run(serve: servers.Serve, trace: Trace, path: str, listener: Listener, handler: Handler | None) -> NoReturn:
    signal.signal(signal.SIGTERM, lambda *_: _write_and_leave(trace, path))
    try:
        servers.run_forever(serve, *arguments_for(serve, cast(socket.socket, listener), handler))
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a failing server ends with its traceback, not with a trace


def traced(server: str | servers.Serve, trace: EventSink) -> servers.Serve:
    """A `serve` function of the server that uses its poller or ring traced; the listener traces accepted sockets."""
    wrap = functools.partial(TracedPoller, trace=trace)
    return _io_uring(trace) if server == "io_uring" else with_poller(server, wrap)


def _io_uring(trace: EventSink) -> servers.Serve:
    def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
        from iomux.harness.timeline.io_uring import TracedRing
        from iomux.servers import uring

        traced: Any = TracedRing(uring.new_ring(), trace)
        uring.run_on(traced, listener, handler)

    return serve


def _write_and_leave(trace: Trace, path: str) -> NoReturn:
    try:
        packed = trace.packed()
    except OverflowError as error:
        log_error(f"iomux: {error}")
        os._exit(1)
    with open(f"{path}.part", "wb") as file:
        file.write(packed)
    os.replace(f"{path}.part", path)
    os._exit(0)
