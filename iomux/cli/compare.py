"""The command compare: two saved sweeps, and what became faster or slower between them."""

import argparse
from math import isnan
from typing import TYPE_CHECKING, Any

from iomux.cli import values
from iomux.cli.saved import read
from iomux.cli.terminal.outputs import say
from iomux.cli.terminal.parsing import examples
from iomux.harness.compare import SETTING, Change, changes

if TYPE_CHECKING:
    import pandas as pd


def add_compare(subparsers: Any) -> None:
    """Add the command and its options to a parser."""
    parser = subparsers.add_parser(
        "compare",
        help="compare two sweeps that bench has saved: faster, slower, or not to be told",
        description="Compare two files of iomux bench --save, server by server and level by level. The rounds of two "
        "files don't pair, so all of the one are compared with all of the other: by the test of Mann and Whitney, "
        "with the 95 % interval of the ratio that belongs to it. Four rounds in each are enough for a verdict, ten "
        "are better. Ends with status 0 whatever the verdicts are, and 2 if the files can't be compared.",
        epilog=examples(
            ("bench epoll --repeats 10 --save before.json", "measure, then change something, and measure again"),
            ("bench epoll --repeats 10 --save after.json", "under another name"),
            ("compare before.json after.json", "compare the median latencies"),
            ("compare before.json after.json --column requests_per_s", "compare the throughput"),
        ),
    )
    parser.add_argument("before", metavar="BEFORE.json", type=values.path, help="the sweep to compare with")
    parser.add_argument("after", metavar="AFTER.json", type=values.path, help="the sweep to be judged")
    parser.add_argument("--column", default="p50_us", help="what is compared (default: %(default)s)")
    parser.set_defaults(run=compare)


def compare(options: argparse.Namespace) -> int:
    """Print a line for each server and level that both sweeps have; warn of what makes the comparison unfair."""
    before, after = read(options.before), read(options.after)
    found = changes(before, after, options.column)
    for warning in _warnings(before, after):
        say(f"iomux compare: warning: {warning}")
    width = max(len(change.server) for change in found)
    print(f"{'server':<{width}} connections  after / before, {options.column}")
    print(*(f"{change.server:<{width}} {change.connections:>11,}  {_words(change)}" for change in found), sep="\n")
    print(*_ending(found, before, after), sep="\n")
    return 0


def _words(change: Change) -> str:
    ends = "" if isnan(change.low) else f" ({change.low:.3f} to {change.high:.3f})"
    ratio = "-" if isnan(change.ratio) else f"{change.ratio:.3f}{ends}"
    return f"{ratio:<24} {change.verdict}, {change.rounds[0]} and {change.rounds[1]} rounds"


def _warnings(before: "pd.DataFrame", after: "pd.DataFrame") -> list[str]:
    said = []
    if (one := before.attrs.get("machine")) != (other := after.attrs.get("machine")):
        said.append(f"they were measured on different machines: {one}; {other}")
    if before.attrs.get("partial") or after.attrs.get("partial"):
        said.append("one of them was interrupted, and has fewer rounds at some levels")
    runs = [run for frame in (before, after) if "doubts" in frame for run in frame["doubts"].fillna("")]
    if count := sum(run != "" for run in runs):
        said.append(f"{count} of {len(runs)} runs are in doubt: see the column doubts of the files")
    return said


def _ending(found: list[Change], before: "pd.DataFrame", after: "pd.DataFrame") -> list[str]:
    there = [set(map(str, frame[SETTING].itertuples(index=False))) for frame in (before, after)]
    count = len(there[0] ^ there[1])
    lines = [f"in one of the files only, and not compared: {count}"] if count else []
    if len(found) > 1:
        lines.append(f"in brackets the 95 % interval; of {len(found)} comparisons one in twenty is told by chance")
    lines.append("the machine may have changed in between: measure the first once more, and compare it with itself")
    return [*lines, f"measured on {after.attrs.get('machine', 'an unknown machine')}"]
