"""Run a server traced: with a traced listener, and a traced poller if it has one.

`serve` is itself a server's function, so `iomux.start` runs it like any other. At SIGTERM it writes its trace
to a file and ends.
"""

import functools
import os
import signal
import socket
from typing import Any, NoReturn, cast

from iomux import servers
from iomux.harness.timeline.sockets import TracedPoller, traced_listener
from iomux.harness.timeline.trace import EventSink, Trace
from iomux.servers.connection import Handler, echo, log_error
from iomux.servers.instrument import with_poller


def serve(
    server: str | servers.Serve,
    capacity: int,
    path: str,
    listener: socket.socket,
    handler: Handler | None = None,
) -> NoReturn:
    """Run `server` traced, with room for `capacity` events; at SIGTERM write them, packed, to `path`, and end."""
    trace = Trace(capacity)
    signal.signal(signal.SIGTERM, lambda *_: _write_and_leave(trace, path))
    listening = cast(socket.socket, traced_listener(listener, trace))
    arguments = (listening,) if handler is None else (listening, handler)
    try:
        servers.run_forever(traced(server, trace), *arguments)
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
