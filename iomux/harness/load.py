"""Load a server and say what its clients saw.

The load generator (`iomux.harness.generator`) runs in a process of its own, on another core than the
server where there is one, and sends its raw samples back; here they become a result. Percentiles are taken
from the raw samples, and nothing is averaged before it is kept.
"""

import pickle
import subprocess
import tempfile
from typing import Any

import psutil

from iomux.harness.checks import Address, check_address, check_descriptors, check_request
from iomux.harness.machine import cores
from iomux.harness.plan import Plan
from iomux.harness.process import Server, running_server
from iomux.harness.result import LoadResult, summarize
from iomux.harness.spawn import end, read_log, spawn


def load(
    address: Address | str | Server,
    connections: int = 1,
    active: int | None = None,
    size: int = 64,
    duration: float = 1.0,
    warmup: float = 0.2,
    rate: float | None = None,
    deadline: float = 2.0,
) -> LoadResult:
    """Load the echo server at `address` from a process of its own; return what its clients saw.

    address: `(host, port)`, "host:port" or a running `Server`; loopback only. connections: how many are
    open. active: how many of them, spread evenly, ask (default: all). size: bytes a request. duration,
    warmup: seconds, the warm-up's samples are dropped. rate: planned requests a second over all active
    clients (open loop: times count from the planned moment); by default each client asks again when it has
    its answer (closed loop). deadline: seconds that the last requests may
    take after the run; a client without its reply then, however long it has waited, is counted.

    Every reply is compared with its request. Raises ValueError for what can't be asked for, and ServerError
    if the server is ours and has died, before or during the run.
    """
    server = address if isinstance(address, Server) else running_server(_parse(address))
    target = _parse(server.address if server else address)  # type: ignore[arg-type]
    count = connections if active is None else active
    check_address(target)
    check_request(connections, count, size, duration, warmup, rate, deadline)
    check_descriptors(connections)
    if server:
        server.check()
    core = _core_beside(server)
    pid = server.pid if server else None
    plan = Plan(target, connections, count, size, duration, warmup, rate, deadline, pid, spin=core is not None)
    seen = _run_generator(plan, core)
    if server:
        server.check()
    return summarize(plan, seen)


def _parse(address: Address | str) -> Address:
    if isinstance(address, str):
        host, _, port = address.rpartition(":")
        if not host or not (port.isascii() and port.isdecimal()):
            raise ValueError(f"{address!r} is no address: write it as 127.0.0.1:8000")
        return _parse((host, int(port)))
    return "127.0.0.1" if address[0] == "localhost" else address[0], address[1]


def _core_beside(server: Server | None) -> int | None:
    """The last core that the server does not run on; None (not pinned) where there is but one."""
    taken = set[int]()
    if server is not None and hasattr(psutil.Process, "cpu_affinity"):
        taken = set(psutil.Process(server.pid).cpu_affinity() or ())
    free = [core for core in cores() if core not in taken]
    return free[-1] if free and len(cores()) > 1 else None


def _run_generator(plan: Plan, core: int | None) -> dict[str, Any]:
    budget = 60 + plan.warmup + plan.duration + 2 * plan.deadline + plan.connections / 100
    with tempfile.TemporaryFile() as log:
        process = spawn("iomux.harness.plan", {"plan": plan, "cpu": core}, log)
        try:
            assert process.stdout is not None
            output = _read_all(process, budget)
        finally:
            end(process)
        if process.returncode != 0 or not output:
            raise RuntimeError(f"the load generator failed:\n{read_log(log) or 'no output'}")
    seen: dict[str, Any] = pickle.loads(output)
    return seen


def _read_all(process: "subprocess.Popen[bytes]", seconds: float) -> bytes:
    lifeline, process.stdin = process.stdin, None  # communicate() would close it, and that ends the process
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"the load generator did not come back within {seconds:.0f} s: it was ended") from error
    finally:
        process.stdin = lifeline
