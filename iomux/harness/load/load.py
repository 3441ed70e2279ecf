"""Load a server and return what its clients measured: latency, throughput, errors and CPU time.

The load generator (`iomux.harness.load.generator`) runs in a separate process, on another core than the
server if there is one, and sends its raw samples back; here they become a result. Percentiles are taken
from the raw samples, and all samples are kept.
"""

import re
from collections.abc import Sequence
from typing import Any

from iomux import servers
from iomux.harness.load.arrivals import choose
from iomux.harness.load.asking import Asking
from iomux.harness.load.clients import NOBODY_LISTENS
from iomux.harness.load.doubts import Doubt, doubts, generator_bound
from iomux.harness.load.hosts import Seen, load_from_hosts
from iomux.harness.load.on_host import check_apart, check_reachable, workers_of
from iomux.harness.load.plan import Plan, run
from iomux.harness.load.result import LoadResult, summarize
from iomux.harness.load.together import bound, doubts_of_all, merge, parts, run_together
from iomux.processes.group import Group, running_group
from iomux.processes.named.place import written
from iomux.processes.resolve import Found, find
from iomux.processes.server import LAST_WORDS_SECONDS, Server, launch, running_server
from iomux.processes.sharing.listeners import MOST
from iomux.processes.worker import free_cores, run_in_worker
from iomux.system.limits import check_address, check_descriptors, check_request, is_whole
from iomux.system.machine import cores
from iomux.system.network.place import Place
from iomux.system.sockets import Address

_LIKE_AN_ADDRESS = re.compile(r"(?!.*\.py:)[\w.-]*:\w*|\[.*\](:\w*)?")


def load(
    address: Address | str | Server | Group | servers.Serve,
    connections: int = 1,
    active: int | None = None,
    size: int = 64,
    duration: float = 1.0,
    warmup: float = 0.2,
    rate: float | None = None,
    deadline: float = 2.0,
    arrivals: str | None = None,
    seed: int | None = None,
    protocol: Asking | None = None,
    processes: int = 1,
    host: Place | None = None,
    client: Any = None,
    allow: Sequence[str] = (),
) -> LoadResult:
    """Load the echo server at `address` from a separate process; return what its clients measured.

    address: `(host, port)`, "host:port" or a running `Server`; loopback only. Or a server that is started for this and
    stopped after it, as for `iomux.start`: a name, a function, `file.py:function`, a command line. connections: how
    many are open. active: how many of them, spread evenly, send requests (default: all). size: bytes a request.
    duration, warmup: seconds; the samples of the warm-up are dropped. rate: planned requests a second over all active
    clients (open loop: times count from the planned moment; the client that has been free for longest sends); by
    default each client sends again when it has its reply (closed loop). deadline: seconds that the last requests may
    take after the run; a client that has no reply by then is counted as an error, however long it has waited.
    arrivals: of an open loop, "poisson" (the default: an independent crowd, exponential gaps; the number of requests
    varies as well, about rate × duration) or "even" (a metronome). seed: a whole number from 0; the same seed gives
    the same planned times (default: drawn, and reported in the result). protocol: what is asked of a server that is
    no echo, made by `iomux.harness.load.asking.http` or `resp`; a request is then all that is pipelined at once.
    processes: how many load generators share the connections, each from an address of its own in 127.0.0.0/8; they
    begin at one moment, and their raw samples are one result (`iomux.harness.load.together`). host: a host of
    `iomux.network` from which the load comes, to a server that runs in one; `host.load` gives it. client: a Dask client
    (`distributed.Client`): a load generator for each host of its cluster, likewise; what each has seen is in the
    result's `hosts`, and a host that is lost is counted there, too (`iomux.harness.load.hosts`); not with host. allow:
    with client, the networks of your own in which the server may be, as ["192.0.2.0/24"].

    Measuring begins when the server has accepted every connection, or stops accepting (on Linux; other systems do
    not show this). Every reply is compared with its request, or with its client's first reply. What else the machine
    did meanwhile is read, and what speaks against the run is in the result's `doubts`. Raises ValueError for
    impossible arguments, ServerError if `iomux.start` made the server and it ended before or during the run, and
    ConnectionRefusedError if another server was meant and no process listens at its address.

    Example:
    >>> with iomux.start("poll") as server:
    ...     result = iomux.load(server, connections=10, active=2, duration=0.1)
    >>> result.requests > 0, result.errors
    (True, {})
    """
    count = connections if active is None else active
    check_request(connections, count, size, duration, warmup, rate, deadline)
    check_apart(client, "host", host)
    workers = workers_of(client, allow, connections, processes)
    check_processes(connections, processes)
    each = len(workers) or processes
    check_descriptors(-(-connections // each), "connections" if each == 1 else "connections of one process")
    spacing, drawn = choose(rate, arrivals, seed)
    if host and not (isinstance(address, Server) and host.reaches(address.address[0])):
        raise ValueError(f"{address!r} is no server in a host of this network: give one, as host.start returns it")
    if (found := _to_start(address)) is not None:
        with launch(found) as started:
            same = {"arrivals": arrivals, "seed": seed, "protocol": protocol, "processes": processes, "client": client}
            return load(started, connections, active, size, duration, warmup, rate, deadline, **same)
    server, target = _where(address, connections, allow, host)
    where = free_cores(server, processes)
    pid, *others = server.pids if server else (None,)
    said = len(protocol.request) if protocol else int(size)
    numbers = int(connections), int(count), said, float(duration), float(warmup)  # NumPy's overflow
    planned = None if rate is None else float(rate)
    apart = where[0] is not None and len(set(where)) == processes
    more = apart, spacing, drawn, protocol, tuple(others)
    plan = Plan(target, *numbers, planned, float(deadline), pid, *more)
    budget = 60 + float(warmup + duration + 2 * deadline) + connections / 100
    if workers:
        check_reachable(workers, target)
        seen = load_from_hosts(client, workers, plan._replace(spin=False), budget, len(plan.others) + 1)
    else:
        seen = _seen(plan, where, budget, server, host)
    errors = seen.merged["errors"]
    if server is None and errors.get(NOBODY_LISTENS) == connections:
        raise ConnectionRefusedError(f"nobody listens at {written(*target)}: start the server first")
    if server:
        server.check(LAST_WORDS_SECONDS if errors else 0.0)
    return summarize(plan, *seen)


def _where(
    address: Any, connections: int, allow: Sequence[str], host: Place | None
) -> tuple[Server | Group | None, Address]:
    """The server at an address, if it was started here, and the address. Raises as `load` for one that can't be."""
    server = address if isinstance(address, Server | Group) else _running(_parse(address))
    target = _parse(server.address if server else address)
    if host is None:
        check_address(target, allow)
    if server:
        server.check()
        check_room(server, connections)
    return server, target


def _seen(
    plan: Plan, where: Sequence[int | None], budget: float, server: Server | Group | None, host: Place | None
) -> Seen:
    """What one load generator has seen, or what several have, and how they are judged."""
    if len(where) == 1:
        merged = run_in_worker(run, plan, core=where[0], seconds=budget, what="the load generator", inside=host)
        found, limited = doubts(plan, merged), generator_bound(plan, merged)
    else:
        plans = parts(plan, len(where))
        each = run_together(plans, where, budget, host)
        merged, limited = merge(plans, each), bound(plans, each)
        found = doubts_of_all(plans, each, merged, len(server.pids) if server else 1, len(cores()))
    died = server.died if isinstance(server, Group) else ()
    gone = [Doubt(f"of the server {one}, and the others went on", passing=False) for one in died]
    return Seen(merged, [*gone, *found], limited)


def check_processes(connections: int, processes: int) -> None:
    """Raise ValueError for a number of load generators that can't be."""
    if not is_whole(processes) or not 1 <= processes <= MOST:
        raise ValueError(f"processes is {processes!r}: choose 1 to {MOST} load generators")
    if processes > connections:
        raise ValueError(f"processes is {processes}, but there are {connections} connections: each needs one at least")


def check_room(server: Server | Group, connections: int) -> None:
    """Raise ValueError if the server has too few processes for so many connections; a command line may have more."""
    if isinstance(server, Group) or server.alone:
        check_descriptors(-(-connections // len(server.pids)), "connections of one server process")


def _running(address: Address) -> Server | Group | None:
    return running_server(address) or running_group(address)


def _to_start(address: object) -> Found | None:
    """The server to be started, if that is meant; None for one that runs."""
    if isinstance(address, Server | Group | tuple) or (
        isinstance(address, str) and _LIKE_AN_ADDRESS.fullmatch(address)
    ):
        return None
    found = find(address)  # type: ignore[arg-type]
    return None if isinstance(found, tuple) else found


def _parse(address: Address | str) -> Address:
    if isinstance(address, str):
        host, _, port = address.rpartition(":")
        if not host or not (port.isascii() and port.isdecimal()):
            raise ValueError(f"{address!r} is no address: write it as 127.0.0.1:8000")
        return _parse((host.strip("[]"), int(port)))
    return "127.0.0.1" if address[0] == "localhost" else address[0], address[1]
