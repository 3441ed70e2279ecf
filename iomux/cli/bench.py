"""The command bench: compare servers or pollers, and output the table as text, JSON, CSV or a figure."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iomux.cli.terminal.ending import INTERRUPTED
from iomux.cli.terminal.outputs import check_output, say

if TYPE_CHECKING:
    import pandas as pd

_TABLE = ["server", "connections", "active", "repeat", "p50_us", "p99_us", "requests_per_s", "cpu_us_per_request"]

_SHOWN = 5  # doubts


def bench(options: argparse.Namespace) -> int:
    """Compare servers, or pollers with --ring; print a table, or one array of rows with --json."""
    loads = {name: getattr(options, name) for name in options.loads if name in options}  # only the options given
    _check_outputs(options)
    if options.ring is None:
        return _bench_servers(options, loads)
    if loads:
        raise ValueError(f"--{next(iter(loads))} is for loading servers, and --ring loads none: leave one of them out")
    return _bench_ring(options)


def _bench_servers(options: argparse.Namespace, loads: dict[str, Any]) -> int:
    from iomux.harness.load.sweep import sweep
    from iomux.system.limits import check_descriptors

    if not options.names:
        raise ValueError("the following arguments are required: NAME; see iomux bench --help")
    check_descriptors(max(loads.get("connections", [1])))
    return _measured(lambda: sweep(options.names, progress=not options.json, **loads), options, _as_text, _failed)


def _bench_ring(options: argparse.Namespace) -> int:
    from iomux.harness.pass_along import pass_along, why_too_many
    from iomux.servers import pollers

    pairs, active, writes = options.ring
    names = options.names or pollers.names()
    if too_many := why_too_many(pairs):
        raise ValueError(too_many)
    progress = not options.json
    measure = partial(pass_along, names, pairs, active, writes, progress=progress)
    return _measured(measure, options, _ring_as_text, lambda frame: bool((frame["reason"] != "").all()))


def _measured(
    measure: Callable[[], "pd.DataFrame"],
    options: argparse.Namespace,
    as_text: Callable[["pd.DataFrame"], str],
    failed: Callable[["pd.DataFrame"], bool],
) -> int:
    """Measure and output the results, or what there was when it was interrupted; return the status."""
    try:
        frame = measure()
        status = int(failed(frame))
    except KeyboardInterrupt as interrupt:
        kept: pd.DataFrame | None = getattr(interrupt, "frame", None)  # none before the first run
        if kept is None or kept.empty:
            raise
        frame, status = kept, INTERRUPTED
        said = str(interrupt).partition(":")[0]
        say(f"iomux bench: interrupted: {said}, and are output")
    _output(frame, options, as_text(frame))
    return status


def _output(frame: "pd.DataFrame", options: argparse.Namespace, text: str) -> None:
    """Print the results as JSON or as `text`, and write the files that the options name, whoever reads the print."""
    from iomux.cli.saved import save

    try:
        print(frame.to_json(orient="records", indent=1) if options.json else text, flush=True)
    finally:
        if options.csv:
            frame.to_csv(options.csv, index=False)
        if options.save:
            save(frame, options.save)
        if options.plot:
            _draw(frame, options.plot)


def _failed(frame: "pd.DataFrame") -> bool:
    """Whether a run failed for another reason than the number of clients: its server did not start, or answers wrongly.

    Those that it refused, or never served, are what was to be found out.
    """
    from iomux.servers.connection import REFUSED

    limit = frame["reason"].str.contains(REFUSED, regex=False) | ((frame["unserved"] > 0) & (frame["errors"] == 0))
    return bool(((frame["reason"] != "") & ~limit).any())


def _check_outputs(options: argparse.Namespace) -> None:
    """Raise ValueError for a file that can't be written, before the long run instead of after it."""
    for path in (options.csv, options.save, options.plot):
        check_output(path)
    if options.plot and options.plot.suffix not in (".png", ".svg", ".pdf"):
        raise ValueError(f"{options.plot.name} is no picture: its name has to end in .png, .svg or .pdf")
    if options.ring and options.save:
        raise ValueError("--save is for sweeps of servers, which iomux compare reads: take --csv with --ring")


def _draw(frame: "pd.DataFrame", path: Path) -> None:
    from iomux.figures.look.style import without_window  # matplotlib takes a second to import
    from iomux.figures.pass_along import pass_along
    from iomux.figures.sweep import latency

    without_window()
    ax = latency(frame) if "server" in frame else pass_along(frame)
    figure: Any = ax.get_figure(root=True)
    figure.savefig(path, dpi=150)


def _as_text(frame: "pd.DataFrame") -> str:
    lines = [frame[_TABLE].to_string(index=False, na_rep="-", float_format=lambda value: f"{value:,.1f}")]
    limits = frame[frame["reason"] != ""].drop_duplicates(["server", "connections"])
    lines += [f"{row.server} at {row.connections:,} connections: {row.reason}" for row in limits.itertuples()]
    reached = frame[frame["reason"] == ""]
    if few := int(reached["p99_us"].isna().sum()):
        lines.append(f"in {few} of {len(reached)} runs there were too few requests for a p99, which needs 1,000")
    lines += _doubts(frame)
    lines += [f"{server}: {note}" for server, notes in frame.attrs["notes"].items() for note in notes]
    return "\n".join([*lines, f"one row a run, times in µs, measured on {frame.attrs['machine']}"])


def _doubts(frame: "pd.DataFrame") -> list[str]:
    """Which runs are in doubt and why, the first few of them, and how many were dropped."""
    doubtful = frame[frame["doubts"] != ""]
    lines = [
        f"in doubt: {row.server}, {row.connections:,} open, round {row.repeat}: {row.doubts}"
        for row in doubtful.head(_SHOWN).itertuples()
    ]
    if len(doubtful) > _SHOWN:
        lines.append(f"in doubt as well: {len(doubtful) - _SHOWN} other runs, see the column doubts (--csv, --json)")
    if dropped := frame.attrs["doubtful"]:
        lines.append(f"{dropped} disturbed run{'s' if dropped > 1 else ''} dropped and repeated")
    return lines


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
