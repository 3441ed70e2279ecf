"""A server under load, observed while it runs: latency, processor time, and the calls for a few connections.

`iomux.load` measures first and reports at the end; this reports twice a second (`iomux.lab.live_load`), and traces the
server meanwhile (`iomux.lab.live_trace`). Server and load run in separate processes, and both end when the caller
stops iterating, for whatever reason.
"""

import functools
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from iomux import servers
from iomux.harness.load.plan import Plan
from iomux.harness.timeline.trace import Event
from iomux.lab import live_load, live_trace
from iomux.processes.server import Server, launch
from iomux.processes.worker import Reports, TookTooLong, free_core, worker_reports
from iomux.servers.connection import REFUSED, Handler, echo
from iomux.system.limits import check_descriptors, check_real, check_request, check_whole

TICK_S = 0.5
"""Seconds between two readings."""
LONGEST_S = 60.0
"""The longest run, and the default."""
SLOWEST_MS = 1000.0
"""The longest time that a handler can sleep."""
_LOOK_S = 0.05  # seconds between two checks whether the run has to stop
_CONNECT_S = 2.0  # how long one connection may take
_SILENCE_S = 30.0  # without a report of the load generator, which opens 10,000 connections within some 2 s


@dataclass(frozen=True)
class Setting:
    """The setting of a run: mechanism, idle and active connections, message size, handler delay, planned requests."""

    mechanism: str
    idle: int = 0
    active: int = 1
    size: int = 64
    """Bytes of a request, and of its answer, as for `iomux.load`."""
    handler_ms: float = 0.0
    """How long the handler sleeps in the server, in the thread that calls it, before it answers."""
    rate: float = 0.0
    """How many requests a second an independent crowd plans; 0: each active client asks again when it is answered."""

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return self.idle + self.active

    def check(self) -> None:
        """Raise LookupError for an unknown mechanism, ValueError, saying what to change, for invalid numbers."""
        servers.get(self.mechanism)
        check_real(handler_ms=self.handler_ms, rate=self.rate)
        check_whole(idle=self.idle, active=self.active)
        if self.idle < 0:
            raise ValueError(f"idle is {self.idle}: choose 0 or more")
        if self.active < 1:
            raise ValueError(f"active is {self.active}: choose 1 or more, for somebody has to ask")
        if not 0 <= self.handler_ms <= SLOWEST_MS:
            raise ValueError(f"handler_ms is {self.handler_ms}: choose 0 to {SLOWEST_MS:,.0f}")
        check_request(self.connections, self.active, self.size, 1, 0, self.rate or None)

    def __str__(self) -> str:
        more = [f"{self.size:,} bytes"] if self.size != 64 else []
        more += [f"handler sleeps {self.handler_ms:g} ms"] if self.handler_ms else []
        more += [f"{self.rate:,g} requests/s planned"] if self.rate else []
        return ", ".join([f"{self.mechanism}, {self.idle:,} idle + {self.active:,} active", *more])


class Tick(NamedTuple):
    """One reading: what the clients saw, and the share of a core that the server used."""

    pulse: live_load.Pulse
    cpu_share: float
    refused: str
    """What the server wrote when it met a limit of its mechanism; empty if it did not."""
    events: list[Event]
    """Its newest events on the traced connections."""


def ticks(setting: Setting, seconds: float, stop: threading.Event) -> Generator[Tick, None, None]:
    """Start a server, load it for `seconds` or until `stop` is set, and yield a Tick each half second.

    Server and load end when this generator ends or is closed. Raises LookupError and ValueError for what can't
    be run here, ServerError with its traceback if the server ends, RuntimeError if the load generator fails.
    """
    setting.check()
    check_descriptors(setting.connections)
    with live_trace.SharedTrace() as followed, launch(_serve(setting, followed.path), _handler(setting)) as server:
        core = free_core(server)
        plan = Plan(
            server.address, setting.connections, setting.active, setting.size, seconds, 0.0, setting.rate or None,
            _CONNECT_S, server.pid, spin=core is not None, arrivals="poisson",
        )  # fmt: skip
        with worker_reports(live_load.run, plan, TICK_S, core=core, what="the load generator") as reports:
            before, used = time.monotonic(), server.cpu().total
            for report in _until_stopped(reports, server, stop):
                now, use = time.monotonic(), server.cpu().total
                yield Tick(report, (use - used) / (now - before), _refused(server), followed.newest())
                before, used = now, use


def _until_stopped(reports: Reports, server: Server, stop: threading.Event) -> Iterator[live_load.Pulse]:
    """Yield the load generator's reports; check the server and `stop` between them."""
    last_report = time.monotonic()
    while not stop.is_set():
        server.check()
        try:
            report = reports.next(_LOOK_S)
        except TookTooLong:
            if time.monotonic() - last_report > _SILENCE_S:
                raise
            continue
        if report is None:
            return
        last_report = time.monotonic()
        yield report


def _serve(setting: Setting, path: str) -> str | servers.Serve:
    if live_trace.why_not(setting.mechanism):
        return setting.mechanism
    return live_trace.trace_some(
        setting.mechanism, path, live_trace.traced_connections(setting.connections, setting.active)
    )


def _handler(setting: Setting) -> Handler:
    return functools.partial(_sleep_and_echo, setting.handler_ms / 1000) if setting.handler_ms else echo


def _sleep_and_echo(seconds: float, data: bytes) -> bytes:
    time.sleep(seconds)
    return data


def _refused(server: Server) -> str:
    return next((line.removeprefix("iomux: ") for line in server.log.splitlines() if REFUSED in line), "")
