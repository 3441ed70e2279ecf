"""Load many servers at many numbers of connections, in interleaved rounds, and return one tidy table.

The servers take turns within a round, and rounds are repeated: other work of the machine then affects all alike, and
the spread between repeats shows how much there was. Each run starts a new server, without another run's connections.
"""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from iomux import servers
from iomux.harness.load.arrivals import choose
from iomux.harness.load.load import check_processes, load
from iomux.harness.load.on_host import check_apart, workers_of
from iomux.harness.load.percentiles import SHARES
from iomux.harness.load.result import LoadResult
from iomux.harness.load.rounds import Repeats, check_rounds, rotated
from iomux.processes.errors import in_one_line
from iomux.processes.resolve import Found, check_startable, find, labels, notes_of
from iomux.processes.server import launch
from iomux.servers.connection import REFUSED
from iomux.system.limits import check_request, too_many, whole_numbers
from iomux.system.machine import describe
from iomux.system.network.place import Hosts
from iomux.system.progress import bars, keep_on_interrupt, shown

if TYPE_CHECKING:
    import pandas as pd

_MEASURED = [
    *("mean_us", "p50_us", "p90_us", "p99_us", "p999_us", "max_us", "requests_per_s", "cpu_us_per_request"),
    *("requests_per_cpu_s", "server_user_s", "server_system_s", "voluntary_switches", "involuntary_switches"),
    *("connect_s", "generator_cpu_share"),
    *(f"{name}_{end}_us" for name in SHARES for end in ("low", "high")),
]
_COUNTED = {"requests": 0, "unserved": 0, "errors": 0, "error_kinds": "", "generator_bound": False}
_NO_DOUBT = {"doubts": "", "disturbed": False}  # of a run that has no figures


def sweep(
    servers: Sequence[str | servers.Serve] | str,
    connections: Sequence[int] | int = (1, 10, 100, 1000),
    active: int | None = 1,
    repeats: int = 3,
    size: int = 64,
    duration: float = 0.5,
    warmup: float = 0.2,
    rate: float | None = None,
    progress: bool = True,
    arrivals: str | None = None,
    seed: int | None = None,
    again: int = 1,
    port: int | None = None,
    processes: int = 1,
    network: Hosts | None = None,
    client: Any = None,
    allow: Sequence[str] = (),
) -> "pd.DataFrame":
    """Load each server at each number of connections, `repeats` times, interleaved; one row a run.

    servers: names, `serve` functions and command lines, as for `iomux.start`, or "host:port" of servers that run: of
    these the CPU time is not seen (NaN), and all rounds load the same process. connections: one number or several.
    active: how many connections send requests, at most as many as are open; None means all. progress: whether to show a
    bar on standard error. again: how often a run is repeated that the machine has disturbed, in all at most a quarter
    of the runs, and no more after three in vain; the disturbed one is dropped. processes: how many load generators, and
    not more than connections. network: of `iomux.network`: load comes from its first host, and servers run in its
    second one; not with client. The other arguments are those of `iomux.load`. All servers and levels of a round get
    the same planned times, and each round its own: round 0 those of `seed`, round 1 those of `seed` + 1.

    Columns: `server`, `model`, `connections`, `active`, `size_bytes`, `rate_per_s`, `arrivals`, `seed`, `repeat`, what
    `load` measures (`p50_us`, ..., `requests_per_s`, `cpu_us_per_request`, the server's context switches), and
    `requests_per_cpu_s` (requests for each second of the server's CPU time), `unserved`, `errors`, `error_kinds`,
    `doubts` (joined by "; "), and `reason`: empty, or why this number of connections could not be reached; then the
    measured columns are missing. A percentile that needs more requests than there were is NaN, and each has its run's
    95 % interval beside it (`p50_low_us`, `p50_high_us`, ...); for an interval over rounds see `iomux.ratio`.
    `.attrs["machine"]` says what it was measured on, `.attrs["active"]` is the argument `active`, `.attrs["notes"]` has
    how some servers were called or what was not seen of them, `.attrs["doubtful"]` how many runs were repeated.

    An interrupt raises KeyboardInterrupt, and loses nothing: its `frame` has the runs that were done, with True in
    `.attrs["partial"]`. In the notebook's next cell it is `sys.last_value.frame`.

    Raises LookupError and ValueError for arguments that can't be run at all, RuntimeError if the network was stopped.

    Example:
    >>> frame = iomux.sweep(["select", "poll"], [1, 10], repeats=1, duration=0.05, progress=False)
    >>> list(frame["server"]), list(frame["connections"])
    (['select', 'poll', 'select', 'poll'], [1, 1, 10, 10])
    """
    chosen = [servers] if isinstance(servers, str) or callable(servers) else list(servers)
    levels = whole_numbers("connections", connections)
    check_rounds(chosen, levels, active, repeats, again)
    for level in levels:
        check_request(level, level if active is None else min(active, level), size, duration, warmup, rate)
    check_processes(max(levels), processes)
    check_apart(client, "network", network)
    workers_of(client, allow, min(levels), processes)
    if network is not None:
        network[0].namespaces()  # one that was stopped is told now, not in each row
    spacing, first = choose(rate, arrivals, seed)
    named = list(zip(labels(chosen), [_found(server, port) for server in chosen], strict=True))
    runs = [
        (repeat, level, name, target)
        for repeat in range(repeats)
        for level in levels
        for name, target in rotated(named, repeat)
    ]

    def table(partial: bool) -> "pd.DataFrame":
        said = {"active": "all" if active is None else active, "doubtful": tries.dropped, "partial": partial}
        return _table(rows, named, said)

    fixed = {"size": size, "duration": duration, "warmup": warmup, "rate": rate, "arrivals": spacing}
    rows: list[dict[str, Any]] = []
    refused: dict[tuple[str, int], str] = {}
    tries = Repeats(again, len(runs))
    with (
        keep_on_interrupt(lambda: f"{len(rows)} of {len(runs)} runs were done", lambda: table(True)),
        bars()(runs, unit="run", disable=not shown(progress), leave=False) as bar,
    ):
        for repeat, level, name, target in bar:
            bar.set_description(f"{name}, {level:,} open")
            asked = level if active is None else min(active, level)
            options = fixed | {"active": asked, "processes": min(processes, level), "client": client, "allow": allow}
            options["seed"] = None if first is None else first + repeat
            run = functools.partial(_run, target, level, options, refused.get((name, level), ""), port, network)
            row = tries.undisturbed(run, lambda row: row["disturbed"])
            del row["disturbed"]
            if REFUSED in row["reason"]:
                refused[name, level] = row["reason"]
            rows.append({"server": name, "model": _model(target), "repeat": repeat} | row)
    return table(False)


def _table(rows: list[dict[str, Any]], named: Sequence[tuple[str, Found]], attrs: dict[str, Any]) -> "pd.DataFrame":
    import pandas as pd

    frame = pd.DataFrame(rows)
    if rows:
        frame = frame.astype({"rate_per_s": float})
    notes = {name: said for name, target in named if (said := _notes(target))}
    frame.attrs.update(attrs, machine=describe(), notes=notes)
    return frame


def _found(server: Found, port: int | None) -> Found:
    found = find(server)
    if port is not None:
        check_startable(found, None, port)
    return found


def _notes(target: Found) -> tuple[str, ...]:
    unseen = "it was not started here: its processor time is not seen"
    return (unseen,) if isinstance(target, tuple) else notes_of(target)


def _model(target: Found) -> str:
    return servers.get(target).model if isinstance(target, str) else ""


def _run(
    target: Found, level: int, options: dict[str, Any], known: str, port: int | None, network: Hosts | None
) -> dict[str, Any]:
    """One run as a row. A limit that the server logged in an earlier round is not tried again."""
    same = {name: options[name] for name in ("active", "arrivals", "seed", "processes")}
    base = {"connections": level, "size_bytes": options["size"], "rate_per_s": options["rate"]} | same
    if reason := known or too_many(level):
        return _missing(base, reason)
    try:
        run, ask = (network[1].start, network[0].load) if network else (launch, load)
        if isinstance(target, tuple):
            result, log = ask(target, connections=level, **options), ""
        else:
            with run(target, port=port) as server:
                result, log = ask(server, connections=level, **options), server.log.strip()
    except (RuntimeError, ConnectionRefusedError) as error:  # or ServerError, a RuntimeError
        return _missing(base, in_one_line(error))
    reason = _limit_met(result, log)
    row = result.row() | {"requests_per_cpu_s": 1e6 / (result.cpu_us_per_request or float("nan"))}
    return _missing(row, reason) if reason else row | {"reason": "", "disturbed": result.disturbed}


def _limit_met(result: LoadResult, log: str) -> str:
    """Why this level was not reached; empty if all connections were open at the end and all clients served."""
    if not result.errors and not result.unserved:
        return ""
    said = next((line.removeprefix("iomux: ") for line in log.splitlines() if REFUSED in line), "")
    seen = result.row()["error_kinds"] or f"{result.unserved:,} clients never served"
    return f"{said} ({seen})" if said else seen


def _missing(row: dict[str, Any], reason: str) -> dict[str, Any]:
    return _COUNTED | row | dict.fromkeys(_MEASURED, float("nan")) | {"reason": reason} | _NO_DOUBT
