"""Try every input as often as asked, and print the table: server, verdict due, verdict given, seconds, how often so."""

import argparse
import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from iomux.conformance.check import SECONDS
from tests.field.table import OURS, Input, read
from tests.field.trying import Verdict, as_due, try_input

_WIDTHS = (44, 34, 44, 7, 6)


def main() -> int:
    """Return 1 if a verdict was not the one that is due, or was not the same in each run."""
    options = _options()
    table = [one for path in options.table for one in read(path)] if options.table else list(OURS)
    chosen = [one for one in table if not options.words or any(word in one.target for word in options.words)]
    _line("server", "due", "given", "s", "same")
    wrong = 0
    with _hogs() if options.hogs else contextlib.nullcontext():
        for tried in chosen:
            verdicts = [try_input(tried, seconds=options.seconds) for _ in range(options.runs)]
            wrong += not _report(tried, verdicts, options.verbose)
    print(f"{len(chosen) - wrong} of {len(chosen)} as due, in each of {options.runs} runs")
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.field", description=__doc__)
    parser.add_argument("words", nargs="*", help="try only the targets that contain one of these")
    parser.add_argument("--runs", type=int, default=1, help="how often each is tried (default: 1)")
    parser.add_argument("--hogs", action="store_true", help="keep every core busy meanwhile")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long a check that fails may go on")
    parser.add_argument("--table", type=Path, action="append", help="a JSON file with other inputs; may be repeated")
    parser.add_argument("--verbose", action="store_true", help="print the report where a verdict is not as due")
    return parser.parse_args()


def _report(tried: Input, verdicts: list[Verdict], verbose: bool) -> bool:
    """Print the line of one input; return whether each run gave what is due, in the same words."""
    texts = Counter(verdict.text for verdict in verdicts)
    good = all(as_due(tried, verdict) for verdict in verdicts)
    given = " / ".join(f"{name} ({count})" if len(verdicts) > 1 else name for name, count in _given(verdicts).items())
    seconds = sorted(verdict.seconds for verdict in verdicts)[len(verdicts) // 2]
    due = tried.due if tried.due != "fails" else f"fails {', '.join(tried.fails)}"
    same = f"{max(texts.values())}/{len(verdicts)}"
    _line(tried.name, due, given, f"{seconds:.0f}", same, "" if good else "  <-- NOT DUE")
    if verbose and (not good or len(texts) > 1):
        print(*texts, sep="\n----\n")
    return good and len(texts) == 1


def _given(verdicts: list[Verdict]) -> Counter[str]:
    return Counter(one.given + (f"; not seen {_few(one.not_seen)}" if one.not_seen else "") for one in verdicts)


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) < 5 else f"{len(names)} items"


def _line(*cells: str) -> None:
    print(*(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=False)), *cells[len(_WIDTHS) :], flush=True)


@contextlib.contextmanager
def _hogs() -> Iterator[None]:
    """Keep every core busy."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


if __name__ == "__main__":
    sys.exit(main())
