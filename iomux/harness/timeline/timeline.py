"""The timeline: measure where each request's time goes, from the client's `send` to its `recv`.

The server runs traced (`iomux.harness.timeline.server`), the client's sockets are traced too, and the events of both
are matched request by request (`iomux.harness.timeline.phases`). Tracing makes a request some microseconds slower:
compare phases with each other, and take latencies from `iomux.load`.
"""

import contextlib
import functools
import os
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from iomux import servers
from iomux.harness.load.clients import NOBODY_LISTENS
from iomux.harness.timeline import server as traced_server
from iomux.harness.timeline.client import ClientTrace, TimelinePlan, event_capacity, run_client
from iomux.harness.timeline.outside import outside_frame
from iomux.harness.timeline.table import to_frame
from iomux.processes.errors import ServerError
from iomux.processes.outside import Outside, is_outside, reached
from iomux.processes.resolve import Found, find, name_of
from iomux.processes.server import LAST_WORDS_SECONDS, Server
from iomux.processes.start import start
from iomux.processes.worker import free_core, run_in_worker
from iomux.servers.connection import Handler
from iomux.servers.observed.instrument import UNTRACEABLE
from iomux.system.limits import check_descriptors, check_request, check_whole
from iomux.system.sockets import Address

if TYPE_CHECKING:
    import pandas as pd

MOST_REQUESTS = 200_000
"""The most requests that one timeline follows; all of them are kept in memory."""
_SIGNAL_SECONDS = 0.5


def timeline(
    server: str | servers.Serve | Address,
    connections: int = 1,
    active: int = 1,
    size: int = 64,
    requests: int = 1000,
    handler: Handler | None = None,
    deadline: float = 2.0,
) -> "pd.DataFrame":
    """Follow requests through a server and return where the time of each went, one row for each request.

    server: a registered name, `file.py:function` or a function, as for `iomux.start`; it is started traced, on
    a separate core, and its waits are seen if they are those of Python's `select.select`, `select.poll` or
    `select.epoll`, on which `selectors` and asyncio are built. Or a command line in any language, or `host:port` of a
    server that runs: of these, and of what makes its own listener, only the client's side is seen. connections, active,
    size: as for `iomux.load`, in a closed loop. requests: how many are followed, after a warm-up of 50, or of as many
    as are answered in a second. handler: as for `iomux.start`; it has to send back what it gets. deadline: seconds
    without any reply after which the run ends; it also ends after 60 s plus 10 ms for each request. The requests
    followed by then are returned; `errors` says what is missing.

    Columns: `server`, `model`, `connections`, `active`, `size_bytes`, `request`, `start_us` (since the first),
    a column for each of `iomux.harness.timeline.phases.PHASES` (`request_us`, `notify_us`, `queue_us`, `recv_us`,
    `handler_us`, `send_us`, `reply_us`, `client_us`), whose sum is `total_us`; `request_call_us` and
    `send_call_us`, the whole of the client's `send` and of the server's, within which the kernel's stamps lie;
    `response_us`, measured by the client on another clock, to compare with the total; `stamped`, whether both of
    the kernel's stamps were there; and `machine`, what it was measured on. A phase that a server does not have, or
    whose stamp is missing, is NaN, and its time is part of the next one.

    `.attrs`: `machine`; `syscalls_per_request`, by kind; `missing_stamps`, how many; `merged`, the phases that
    can't be separated here and why; `not_seen`, what of the server was not seen, in one sentence, which is also a
    warning, and empty if all was; `unserved`, active clients that never got a reply; `errors` by kind.

    Raises LookupError for an unknown or unavailable name, ValueError and TypeError for impossible arguments or an
    untraceable server, ServerError if the server fails, ConnectionRefusedError if nobody listens at an address, and
    RuntimeError if no request was answered, bytes bypassed the traced sockets or came in too many pieces, or the
    system's clock was set during the run.
    Sources: socket(7), SO_TIMESTAMPNS; tcp(7).

    Example:
    >>> frame = iomux.timeline("poll", requests=20)
    >>> len(frame), bool((frame["total_us"] > 0).all())
    (20, True)
    """
    target = _check(server, connections, active, size, requests, deadline)
    connections, active, size, requests = map(int, (connections, active, size, requests))  # NumPy's overflow
    settings = connections, active, size, requests, float(deadline), 60 + requests / 100
    frame = _from_outside(target, settings, handler) if is_outside(target) else _traced(target, settings, handler)
    frame.insert(0, "server", name := name_of(server))
    frame.insert(1, "model", servers.get(target).model if isinstance(target, str) else "")
    if reason := frame.attrs["not_seen"]:
        warnings.warn(f"{name}: {reason}", stacklevel=2)
    return frame


Settings = tuple[int, int, int, int, float, float]
"""The fields of a `TimelinePlan` after the address."""


def _traced(target: str | servers.Serve, settings: Settings, handler: Handler | None) -> "pd.DataFrame":
    _, active, size, requests, *_ = settings
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "trace")
        with start(traced(target, event_capacity(requests, active, size), path), handler=handler) as running:
            plan = TimelinePlan(running.address, *settings)
            seen = _run_client_process(running, plan)
            running.check(LAST_WORDS_SECONDS if seen.errors else 0.0)
            served = collect(running, path)
    with _with_log(running):
        return to_frame(plan, seen, served, own=not isinstance(target, str))


def _from_outside(target: Found, settings: Settings, handler: Handler | None) -> "pd.DataFrame":
    with reached(target, handler) as running:
        plan = TimelinePlan(running.address, *settings)
        seen = _run_client_process(running.process, plan)
        if running.process is None and seen.errors.get(NOBODY_LISTENS) == plan.connections:
            raise ConnectionRefusedError(f"nobody listens at {name_of(target)}: start the server first")
        running.check(LAST_WORDS_SECONDS if seen.errors else 0.0)
        with _with_log(running):
            return outside_frame(plan, seen)


@contextlib.contextmanager
def _with_log(running: Server | Outside) -> Iterator[None]:
    """Add the server's log, such as a handler's traceback, to a RuntimeError: it may say why."""
    try:
        yield
    except RuntimeError as error:
        raise RuntimeError(f"{error}\n{running.log}".rstrip()) from None


def _check(server: Any, connections: int, active: int, size: int, requests: int, deadline: float) -> Any:
    if isinstance(server, Server):
        raise TypeError(
            f"{server} runs already, untraced: give its name or its function, and it is started traced, or its "
            "address as host:port, to see it from outside"
        )
    target = find(server)
    if reason := UNTRACEABLE.get(str(target)):
        raise ValueError(f"{target} can't be traced: {reason}")
    check_request(connections, active, size, 1, 0, None, deadline)
    check_descriptors(connections)
    check_whole(requests=requests)
    if not 1 <= requests <= MOST_REQUESTS:
        raise ValueError(f"requests is {requests!r}: give a whole number from 1 to {MOST_REQUESTS:,}")
    return target


def _run_client_process(running: Server | None, plan: TimelinePlan) -> ClientTrace:
    core = free_core(running)
    seconds = 60 + plan.seconds + plan.connections / 100 + 2 * plan.deadline
    return run_in_worker(run_client, plan, core is not None, core=core, seconds=seconds, what="the timeline's client")


def traced(target: str | servers.Serve, events: int, path: str) -> servers.Serve:
    """A `serve` function that runs the server traced, with room for `events` events; `collect` fetches them."""
    serve: Any = functools.partial(traced_server.serve, target, events, path)
    serve.__name__ = f"traced {name_of(target)}"
    if not isinstance(target, str):  # it is ready once its file is imported
        serve.import_file = functools.partial(traced_server.watched, target, events, path)
    return cast(servers.Serve, serve)


def collect(server: Server, path: str) -> bytes:
    """End a traced server and return its trace. Raises ServerError if it wrote none."""
    until, again = time.monotonic() + 30, 0.0
    while server.alive and (now := time.monotonic()) < until:
        if now >= again:  # a signal in the gap before its poller's call is handled only when that call returns
            again = now + _SIGNAL_SECONDS
            with contextlib.suppress(ProcessLookupError):
                os.kill(server.pid, signal.SIGTERM)
        time.sleep(0.005)
    log = server.log
    server.stop()
    if not Path(path).exists():
        raise ServerError(f"the {server.name} server did not hand over its trace:\n{log or 'no output'}")
    return Path(path).read_bytes()
