"""Check a file again each time that it is saved: only what failed, and everything once that is repaired.

The times of the file and of those beside it with the same suffix are read twice a second (stat(2)). A program that
saves by renaming a new file over the old one is seen as well, which inotify(7) on the file itself would miss.
"""

import shlex
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iomux.conformance.report import Report

_LOOK_SECONDS = 0.5
_SETTLE_SECONDS = 0.1  # an editor may write a file in several steps
Times = dict[Path, tuple[int, int]]


def watch(
    target: str, only: Sequence[str] | None, check: Callable[..., "Report"], write: Callable[["Report"], None]
) -> int:
    """Check `target`, and what failed again whenever its file is saved, until Ctrl-C; return the last exit status.

    only: the items, or None for all. check: as `iomux.check`. write: called with each report. Raises ValueError if the
    target has no file.
    """
    path, report = watched_file(target), None
    try:
        while True:
            seen = times(path)
            report = _check_again(partial(check, target), target, only, report, write)
            print(f"watching {path}: save it to check {_what_next(report)} again, or press Ctrl-C to end", flush=True)
            _wait_for_a_change(path, seen)
    except KeyboardInterrupt:
        print(flush=True)
        return 130 if report is None else report.exit_status


def watched_file(target: str) -> Path:
    """The file of `file.py:function`, or the first file that a command line names. Raises ValueError without one."""
    path, _, _ = target.rpartition(":")
    words = [path, target] if path else []
    try:
        words += shlex.split(target)
    except ValueError:  # a quote that is not closed: the check says so
        words.append(target)
    found = [Path(word) for word in words if Path(word).suffix and Path(word).is_file()]
    if not found:
        raise ValueError(f"{target} names no file to watch: give it as my_server.py:serve")
    return found[0]


def times(path: Path) -> Times:
    """When each file of the same kind in that folder was last written, and how long it is."""
    found = Times()
    for beside in path.absolute().parent.glob(f"*{path.suffix}"):
        try:
            about = beside.stat()
        except OSError:  # it is being replaced
            continue
        found[beside] = (about.st_mtime_ns, about.st_size)
    return found


def _wait_for_a_change(path: Path, before: Times) -> None:
    while times(path) == before:
        time.sleep(_LOOK_SECONDS)
    time.sleep(_SETTLE_SECONDS)


def _check_again(
    check: Callable[..., "Report"],
    target: str,
    only: Sequence[str] | None,
    before: "Report | None",
    write: Callable[["Report"], None],
) -> "Report | None":
    """Check what failed before, or all; print what changed. Returns the report, None if there can be none."""
    items = list(before.failed) if before is not None and before.failed else only
    unfinished = ImportError if before is None else (ImportError, LookupError, TypeError, ValueError)
    try:
        report = check(only=items)
        if before is not None and before.failed and report.passed:
            print(f"{changed(before, report)}\nnow all items again", flush=True)
            before, report = None, check(only=only)
    except unfinished as error:  # saved in the middle of a change
        print(f"{target} can't be checked: {error.args[0] if error.args else error}", flush=True)
        return before
    write(report)
    print(f"{changed(before, report)}\n{report}" if before is not None else report, flush=True)
    return report


def changed(before: "Report", now: "Report") -> str:
    """One line for each item whose status is another than before, or that fails in another way."""
    lines = list[str]()
    for result in now.results:
        was = next((one for one in before.results if one.name == result.name), None)
        if was is not None and was.status != result.status:
            lines.append(f"{result.name}: {was.status} before, {result.status} now")
        elif was is not None and was.seen != result.seen:
            lines.append(f"{result.name}: {result.status} as before, but in another way")
    return "\n".join(lines) or "nothing has changed"


def _what_next(report: "Report | None") -> str:
    return ", ".join(report.failed) if report is not None and report.failed else "all items"
