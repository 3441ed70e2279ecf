"""Load a server and return what its clients measured: latency, throughput, errors and CPU time.

The load generator (`iomux.harness.load.generator`) runs in a separate process, on another core than the
server if there is one, and sends its raw samples back; here they become a result. Percentiles are taken
from the raw samples, and all samples are kept.
"""

import re

from iomux import servers
from iomux.harness.load.arrivals import choose
from iomux.harness.load.asking import Asking
from iomux.harness.load.clients import NOBODY_LISTENS
from iomux.harness.load.plan import Plan, run
from iomux.harness.load.result import LoadResult, summarize
from iomux.processes.named.place import written
from iomux.processes.resolve import Found, find
from iomux.processes.server import LAST_WORDS_SECONDS, Server, launch, running_server
from iomux.processes.worker import free_core, run_in_worker
from iomux.system.limits import check_address, check_descriptors, check_request
from iomux.system.network.place import Place
from iomux.system.sockets import Address

_LIKE_AN_ADDRESS = re.compile(r"(?!.*\.py:)[\w.-]*:\w*|\[.*\](:\w*)?")


def load(
    address: Address | str | Server | servers.Serve,
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
    host: Place | None = None,
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
    host: a host of `iomux.network` from which the load comes, to a server that runs in one; `host.load` gives it.

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
    check_descriptors(connections)
    spacing, drawn = choose(rate, arrivals, seed)
    if host and not (isinstance(address, Server) and host.reaches(address.address[0])):
        raise ValueError(f"{address!r} is no server in a host of this network: give one, as host.start returns it")
    if (found := _to_start(address)) is not None:
        with launch(found) as started:
            return load(started, connections, active, size, duration, warmup, rate, deadline, arrivals, seed, protocol)
    server = address if isinstance(address, Server) else running_server(_parse(address))  # type: ignore[arg-type]
    target = _parse(server.address if server else address)  # type: ignore[arg-type]
    if host is None:
        check_address(target)
    if server:
        server.check()
    core = free_core(server)
    pid = server.pid if server else None
    said = len(protocol.request) if protocol else int(size)
    numbers = int(connections), int(count), said, float(duration), float(warmup)  # NumPy's overflow
    planned = None if rate is None else float(rate)
    plan = Plan(target, *numbers, planned, float(deadline), pid, core is not None, spacing, drawn, protocol)
    budget = 60 + float(warmup + duration + 2 * deadline) + connections / 100
    seen = run_in_worker(run, plan, core=core, seconds=budget, what="the load generator", inside=host)
    if server is None and seen["errors"].get(NOBODY_LISTENS) == connections:
        raise ConnectionRefusedError(f"nobody listens at {written(*target)}: start the server first")
    if server:
        server.check(LAST_WORDS_SECONDS if seen["errors"] else 0.0)
    return summarize(plan, seen)


def _to_start(address: object) -> Found | None:
    """The server to be started, if that is meant; None for one that runs."""
    if isinstance(address, Server | tuple) or (isinstance(address, str) and _LIKE_AN_ADDRESS.fullmatch(address)):
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
