"""The text of a report: a line for each item, and under one that did not pass what a student needs to know."""

import textwrap
from collections.abc import Sequence
from itertools import groupby

from iomux.conformance.entries import Entry, entries
from iomux.conformance.result import Result

COLUMNS = 95
"""What JupyterLab shows of a line on a small laptop; it breaks a longer one in the middle of a word."""
_INDENT, _KEY = 11, 6


def wrapped(line: str) -> list[str]:
    """One of the lines under the headline."""
    return textwrap.wrap(line, COLUMNS, subsequent_indent="  ", break_on_hyphens=False)


def items_as_text(results: Sequence[Result]) -> list[str]:
    """The lines of all items: adjacent ones that were not seen for the same reason share one entry."""
    stages = ((name, list(group)) for name, group in groupby(results, key=lambda result: result.stage))
    return [line for name, group in stages for line in (*_heading(name, group), *_of_stage(group))]


def _of_stage(results: Sequence[Result]) -> list[str]:
    return [
        line
        for _, group in groupby(results, key=lambda result: (result.status, result.seen))
        for line in _lines(list(group))
    ]


def _heading(stage: str, results: Sequence[Result]) -> list[str]:
    return [stage_as_text(stage, results)] if stage else []


def stage_as_text(stage: str, results: Sequence[Result]) -> str:
    """The heading of a stage: its name, and how many of its items passed."""
    return f"{stage}: {sum(result.status == 'passed' for result in results)} of {len(results)}"


def _lines(group: list[Result]) -> list[str]:
    if group[0].status == "not seen":
        names = ", ".join(result.name for result in group)
        first = textwrap.wrap(names, COLUMNS, initial_indent="  not seen ", subsequent_indent=" " * _INDENT)
        return [*first, *_explained(group[0])]
    return [line for result in group for line in (*_rule(result), *_explained(result))]


def _rule(result: Result) -> list[str]:
    """A result's first line, and a second one if its rule is long."""
    first = f"  {result.status:<8} {result.name:<17} "
    return textwrap.wrap(
        result.rule, COLUMNS, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
    )


def _explained(result: Result) -> list[str]:
    return [line for entry in entries(result) for line in entry_as_text(entry)]


def entry_as_text(entry: Entry, indent: int = _INDENT) -> list[str]:
    """The lines of one entry, indented; the bytes of a window bring their own keys."""
    key, rest = " " * indent, " " * (indent + _KEY)
    if not entry.key:
        return [f"{key}{line}" for line in entry.lines]
    if entry.prose:
        return textwrap.wrap(f"{entry.key}: {entry.lines[0]}", COLUMNS, initial_indent=key, subsequent_indent=rest)
    first = f"{key}{entry.key + ':':<{_KEY}}{entry.lines[0]}"
    return [first, *(f"{rest}{line}" for line in entry.lines[1:])]
