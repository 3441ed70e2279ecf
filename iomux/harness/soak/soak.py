"""Soak a server: for minutes, hundreds of clients at once do to it what clients of a real network do.

How a server treats a polite client says little about its tenth hour. It may drop a byte when a buffer is full, keep a
descriptor for each client that resets, or end its loop with one of them: such faults show when they are provoked
often, at random, and all at once. So every byte is checked, and what the server's process holds is compared before
and after. The seed decides what the clients do, so a fault that was found can be found again.

The clients run in a separate process (`iomux.harness.soak.run`), on another core than the server's.
"""

import contextlib
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator

from iomux import servers
from iomux.harness.soak.report import SoakReport, summarize
from iomux.harness.soak.run import LEAVE_SECONDS, SoakPlan, run
from iomux.harness.soak.speaking import protocol_of, spoken
from iomux.harness.soak.tally import Tally
from iomux.processes.errors import ServerError
from iomux.processes.resolve import Found, find, name_of
from iomux.processes.server import LAST_WORDS_SECONDS, Server, launch
from iomux.processes.worker import Reports, free_core, worker_reports
from iomux.system.limits import check_descriptors, check_real, check_whole
from iomux.system.progress import bars, shown

CLIENTS = 200
"""Clients at once, by default."""
MOST_CLIENTS = 1000
"""The most clients at once."""
MOST_MINUTES = 60.0
"""The longest soak."""
ONE_AT_A_TIME = frozenset({"blocking"})
"""Registered servers that serve one client at a time: others would wait until their deadline."""
NOT_SEEN = "it was not started here: how it ends, its descriptors and its memory are not seen"
"""What a report says of a server that is known by its address only."""
_WARMUP, _MOST_WARMUP = 0.1, 5.0  # a share of the time; seconds
_SILENCE_SECONDS = 60.0  # clients report four times a second, and wait no longer than their deadline


def soak(
    server: str | servers.Serve,
    minutes: float = 5.0,
    clients: int | None = None,
    seed: int | None = None,
    deadline: float = 10.0,
    progress: bool = True,
    port: int | None = None,
    protocol: str | None = None,
) -> SoakReport:
    """Soak a server with clients that send in pieces, read slowly, half-close, reset and vanish; report what they saw.

    server: a name, a `serve` function or a command line of an echo server, as for `iomux.start`; it is started for
    this. Or "host:port" of one that runs: its memory and descriptors are then not seen. minutes: how long, up to 60.
    clients: how many at once, up to 1,000 (default: 200; for `blocking`, which serves one at a time, 1). seed: a whole
    number from 0 that decides what each client does (default: drawn, and reported). deadline: seconds without a byte
    after which a client counts as lost. progress: show a bar on standard error. port: as for `iomux.start`.
    protocol: "http" or "redis" for a server that speaks that instead of an echo: a registered name, which is started
    with `iomux.protocols.http.site` or `iomux.protocols.resp.store`; for Redis also any server that speaks it itself,
    in which keys `iomux-soak:NUMBER` are set and deleted.

    A request is one message answered completely: an echo, a part of a file, or a transaction of a Redis. A client that
    leaves in order, or half-closes, is owed every answer; one that resets or vanishes is owed nothing more. The run
    ends after 100 clients that lost something. An interrupt ends it in order, and the results up to then are reported;
    a second one raises KeyboardInterrupt.

    Raises ConnectionRefusedError if nobody listens at an address, LookupError for an unknown or unavailable name,
    ValueError and TypeError for invalid arguments, and ServerError if the server does not start. If it ends, stalls or
    answers wrongly later, the report says so.

    Example:
    >>> report = iomux.soak("poll", minutes=0.01, clients=5, seed=1, progress=False)
    >>> report.requests > 0, report.lost
    (True, 0)
    """
    target = _check(server, minutes, clients, seed, deadline)
    speaks = spoken(protocol, target)
    count = clients or (1 if target in ONE_AT_A_TIME else CLIENTS)
    check_descriptors(count, "clients")
    chosen = secrets.randbelow(1 << 32) if seed is None else seed
    seconds = 60.0 * minutes
    warmup, title = min(_WARMUP * seconds, _MOST_WARMUP), f"{name_of(target)}, seed {chosen}"
    terms = (seconds, warmup, count, chosen, deadline, speaks)
    if isinstance(target, tuple):
        socket.create_connection(target, timeout=deadline).close()  # nobody there is a wrong use, and no loss
        plan = SoakPlan(target, None, *terms)
        tally, interrupted = _follow(None, plan, title, progress)
        return summarize(name_of(target), plan, tally, "", "", interrupted, (NOT_SEEN,))
    with protocol_of(speaks, target, chosen) as handler, launch(target, handler, port=port) as running:
        plan = SoakPlan(running.address, running.pid, *terms)
        tally, interrupted = _follow(running, plan, title, progress)
        ended, said = _how_it_ended(running, LAST_WORDS_SECONDS if tally.failed else 0.0)
        running.stop()
    return summarize(name_of(target), plan, tally, ended, said, interrupted, running.notes)


def _check(
    server: str | servers.Serve, minutes: float, clients: int | None, seed: int | None, deadline: float
) -> Found:
    if isinstance(server, Server):
        raise TypeError(f"{server} runs already: give its name or its function, and it is started for the soak")
    target = find(server)
    check_real(minutes=minutes, deadline=deadline)
    check_whole(clients=1 if clients is None else clients, seed=seed or 0)
    for wrong, message in (
        (not 0 < minutes <= MOST_MINUTES, f"minutes is {minutes}: choose more than 0 and at most {MOST_MINUTES:.0f}"),
        (not 0 < deadline <= 60, f"deadline is {deadline}: choose more than 0 and at most 60 s"),
        (
            clients is not None and not 1 <= clients <= MOST_CLIENTS,
            f"clients is {clients}: choose from 1 to {MOST_CLIENTS:,}",
        ),
        (
            target in ONE_AT_A_TIME and clients not in (None, 1),
            f"{target} serves one client at a time, {clients} would wait for each other: soak it with clients 1",
        ),
        ((seed or 0) < 0, f"seed is {seed}: choose 0 or more"),
    ):
        if wrong:
            raise ValueError(message)
    return target


def _follow(server: Server | None, plan: SoakPlan, title: str, progress: bool) -> tuple[Tally, bool]:
    """Run the client process until it is done; return the last tally, and whether it was interrupted."""
    tally = Tally()
    with (
        worker_reports(run, plan, core=free_core(server), what="the soak's client process") as reports,
        bars()(total=round(plan.seconds), unit="s", desc=title, disable=not shown(progress), leave=False) as bar,
        _first_interrupt(reports.interrupt) as interrupts,
    ):
        while not tally.done:
            tally = _next(reports, plan)
            bar.n = min(round(tally.seconds), round(plan.seconds))
            bar.set_postfix(requests=f"{tally.requests:,}", lost=tally.failed.total())
            if server and not server.alive:
                reports.interrupt()
    return tally, bool(interrupts)


def _next(reports: Reports, plan: SoakPlan) -> Tally:
    tally: Tally = reports.next(_SILENCE_SECONDS + LEAVE_SECONDS + plan.deadline)
    return tally


@contextlib.contextmanager
def _first_interrupt(call: Callable[[], None]) -> Iterator[list[int]]:
    """Call `call` at the first SIGINT instead of raising KeyboardInterrupt, and note it in the list."""
    before, seen = signal.getsignal(signal.SIGINT), list[int]()

    def note(number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        seen.append(number)
        call()

    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield seen  # only the main thread gets signals (library reference, signal), or SIGINT is ignored here
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)


def _how_it_ended(server: Server, grace: float) -> tuple[str, str]:
    """Why the server has ended, and the last line that it wrote; empty if it runs, or wrote nothing."""
    ended = ""
    try:
        server.check(grace)
    except ServerError as error:
        ended = str(error).splitlines()[0].rstrip(":")
    log = server.log.strip()
    return ended, log.splitlines()[-1] if log else ""
