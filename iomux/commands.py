"""What the commands of `iomux` do; `iomux.cli` says how they are called."""

import argparse
import ipaddress
import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from iomux.servers import get, run_forever
from iomux.sockets import listen, raise_descriptor_limit

if TYPE_CHECKING:
    import pandas as pd

_TABLE = ["server", "connections", "active", "repeat", "p50_us", "p99_us", "requests_per_s", "cpu_us_per_request"]

_WORDS = {
    "can_pin": "can pin a process to a core",
    "descriptors_soft": "open descriptors a process, now",
    "descriptors_hard": "open descriptors a process, at most",
    "backlog_max": "clients that may wait to be accepted",
    "clock_resolution_ns": "resolution of the clock, ns",
}


def serve(options: argparse.Namespace) -> int:
    """Run one server until SIGINT or SIGTERM, then leave with status 0."""
    from iomux.servers.resolve import resolve

    target = resolve(options.name)
    function = get(target).load() if isinstance(target, str) else target
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    raise_descriptor_limit()
    with _listen(options.host, options.port) as listener:
        host, port = listener.getsockname()[:2]
        if not ipaddress.ip_address(host).is_loopback:
            print(
                f"iomux serve: warning: {host} is not a loopback address, other machines can connect",
                file=sys.stderr,
            )
        print(f"listening on {host}:{port}", flush=True)
        try:
            run_forever(function, listener)
        except Exception:  # a fault of the server's own: its author needs the traceback
            traceback.print_exc()
    return 1


def _listen(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        raise ValueError(
            f"{what}: {host}:{port}; choose another address or port (--port 0 takes a free one)"
        ) from error


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    # At once: an event loop in C, or threads in the middle of recv, would hold an ordinary exit up.
    os._exit(0)


def bench(options: argparse.Namespace) -> int:
    """Compare servers, or with --ring pollers; print a table, or with --json one array of rows."""
    loads = {name: getattr(options, name) for name in options.loads if name in options}  # those that were given
    _check_outputs(options.csv, options.plot)
    if options.ring is None:
        _bench_servers(options, loads)
    elif loads:
        raise ValueError(f"--{next(iter(loads))} is for loading servers, and --ring loads none: leave one of them out")
    else:
        _bench_ring(options)
    return 0


def _bench_servers(options: argparse.Namespace, loads: dict[str, Any]) -> None:
    from iomux.harness.checks import check_descriptors
    from iomux.harness.sweep import sweep

    if not options.names:
        raise ValueError("the following arguments are required: NAME; see iomux bench --help")
    check_descriptors(max(loads.get("connections", [1])))
    frame = sweep(options.names, **loads)
    _hand_over(frame, options, _as_text(frame), "latency")


def _bench_ring(options: argparse.Namespace) -> None:
    from iomux.harness.pass_along import pass_along
    from iomux.servers import pollers

    pairs, active, writes = options.ring
    frame = pass_along(options.names or pollers.names(), pairs, active, writes)
    _hand_over(frame, options, _ring_as_text(frame), "pass_along")


def _hand_over(frame: "pd.DataFrame", options: argparse.Namespace, text: str, figure: str) -> None:
    """Print what was measured, as JSON or as `text`, and write the files that were asked for."""
    print(frame.to_json(orient="records", indent=1) if options.json else text, flush=True)
    if options.csv:
        frame.to_csv(options.csv, index=False)
    if options.plot:
        _draw(frame, options.plot, figure)


def _check_outputs(csv: Path | None, plot: Path | None) -> None:
    """Raise ValueError for a file that can't be written, before a long run and not after it."""
    for path in filter(None, (csv, plot)):
        if not path.absolute().parent.is_dir():
            raise ValueError(f"there is no folder {path.parent} to write {path.name} into: make it, or choose another")
        if path.is_dir():
            raise ValueError(f"{path} is a folder: give the name of a file")
    if plot and plot.suffix not in (".png", ".svg", ".pdf"):
        raise ValueError(f"{plot.name} is no picture: its name has to end in .png, .svg or .pdf")


def _draw(frame: "pd.DataFrame", path: Path, name: str) -> None:
    import matplotlib as mpl

    mpl.use("agg")  # a file is wanted, no window
    from iomux import plot

    figure = getattr(plot, name)(frame).get_figure(root=True)
    figure.savefig(path, dpi=150)


def _as_text(frame: "pd.DataFrame") -> str:
    reached = frame[frame["reason"] == ""]
    lines = [frame[_TABLE].to_string(index=False, na_rep="-", float_format=lambda value: f"{value:,.1f}")]
    limits = frame[frame["reason"] != ""].drop_duplicates(["server", "connections"])
    lines += [f"{row.server} at {row.connections:,} connections: {row.reason}" for row in limits.itertuples()]
    if reached["generator_bound"].any():
        count = int(reached["generator_bound"].sum())
        lines.append(
            f"in {count} of {len(reached)} runs the load generator was the bottleneck: the server could do more"
        )
    return "\n".join([*lines, f"one row a run, times in µs, measured on {frame.attrs['machine']}"])


def _ring_as_text(frame: "pd.DataFrame") -> str:
    ran = frame[frame["reason"] == ""]
    table = ran.groupby(["poller", "pairs", "active", "writes"], sort=False)["us"].agg(
        ["median", "min", "max", "count"]
    )
    table.columns = ["median_us", "least_us", "greatest_us", "runs"]
    lines = [table.reset_index().to_string(index=False, float_format=lambda value: f"{value:,.0f}")] if len(ran) else []
    limits = frame[frame["reason"] != ""]
    lines += [f"{row.poller} with {row.pairs:,} pairs: {row.reason}" for row in limits.itertuples()]
    return "\n".join([*lines, f"times in µs, measured on {frame.attrs['machine']}"])


def check(options: argparse.Namespace) -> int:
    """Try a server item by item and print the report; 1 if anything failed, or nothing could be seen."""
    from iomux.conformance.run import check as check_server

    report = check_server(options.target, only=options.only)
    print(report.to_json() if options.json else report, flush=True)
    return 0 if report.passed else 1


def soak(options: argparse.Namespace) -> int:
    """Soak a server and print the report; 1 if something was lost, 130 if it was interrupted and nothing was."""
    from iomux.harness.soak import soak as run_soak

    try:
        report = run_soak(options.name, **{name: getattr(options, name) for name in options.soaks if name in options})
    except RuntimeError as error:  # the server did not come up, or the clients failed: with the traceback
        print(f"iomux soak: {error}", file=sys.stderr)
        return 1
    print(json.dumps(report.as_dict(), indent=1) if options.json else f"{report}\nmeasured on {report.machine}")
    return 1 if report.lost else 130 if report.interrupted else 0


def doctor(options: argparse.Namespace) -> int:
    """Tell what this machine can run, and why not the rest."""
    from iomux.harness.machine import facts

    everything = facts()
    if options.json:
        print(json.dumps(everything, indent=1))
        return 0
    print(f"{'name':<12} {'I/O model':<13} {'what it does':<52} available here")
    for mechanism in everything.pop("mechanisms"):
        state = "yes" if mechanism["available"] else f"no: {mechanism['why_not']}"
        print(f"{mechanism['name']:<12} {mechanism['model']:<13} {mechanism['summary']:<52} {state}")
    print()
    for facility in everything.pop("facilities"):
        state = "yes" if facility["available"] else f"no: {facility['why_not']}"
        print(f"{facility['name']:<12} {'measuring':<13} {facility['summary']:<52} {state}")
    print()
    for key, value in everything.items():
        print(f"{_WORDS.get(key, key.replace('_', ' ')):<38} {_as_words(value)}")
    return 0


def _as_words(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
