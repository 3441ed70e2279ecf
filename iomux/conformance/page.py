"""The HTML of a report, as a notebook shows it: a row for each item, and under one that did not pass what was seen."""

import html
from collections.abc import Sequence
from itertools import groupby

from iomux.conformance.entries import Entry, entries
from iomux.conformance.result import Result
from iomux.conformance.text import entry_as_text, stage_as_text

_MARKS = {"passed": "✓", "failed": "✗", "not seen": "?"}
_LOOK = "text-align:left;vertical-align:top"
_CODE = (
    "margin:4px 0;padding:4px 8px;overflow-x:auto;white-space:pre;font-family:monospace;font-size:12px;"
    "line-height:1.35;border-left:3px solid #8884;background:transparent"
)
_WIDE = "max-width:100%;display:block;overflow-x:auto"  # a wide block scrolls inside the page, on a narrow one, too


def page(headline: str, lines: Sequence[str], results: Sequence[Result]) -> str:
    """The report as HTML. lines: what is said of the server as a whole."""
    about = "".join(f"<p style='margin:2px 0'>{html.escape(line)}</p>" for line in lines)
    head = "".join(f"<th style='text-align:left'>{name}</th>" for name in ("", "item", "points", "what was seen"))
    stages = ((name, list(group)) for name, group in groupby(results, key=lambda result: result.stage))
    rows = "".join(_heading(name, group) + "".join(map(_rows, group)) for name, group in stages)
    return (
        f"<p style='margin:2px 0'><b>{html.escape(headline)}</b></p>{about}"
        f"<table style='{_WIDE}'><tr>{head}</tr>{rows}</table>"
    )


def _heading(stage: str, results: Sequence[Result]) -> str:
    if not stage:
        return ""
    return f"<tr><th colspan='4' style='{_LOOK};padding-top:8px'>{html.escape(stage_as_text(stage, results))}</th></tr>"


def _rows(result: Result) -> str:
    short = (
        f"{_MARKS[result.status]} {result.status}",
        html.escape(result.name),
        f"{result.earned} of {result.points}",
    )
    cells = "".join(f"<td style='{_LOOK};white-space:nowrap'>{cell}</td>" for cell in short)
    row = f"<tr>{cells}<td style='{_LOOK}'>{html.escape(result.rule)}</td></tr>"
    if not (said := entries(result)):
        return row
    blocks = "".join(
        _prose(list(group)) if prose else _code(list(group))
        for prose, group in groupby(said, key=lambda one: one.prose)
    )
    return f"{row}<tr><td></td><td colspan='3' style='{_LOOK};padding-top:0'>{blocks}</td></tr>"


def _prose(said: list[Entry]) -> str:
    return "<br>".join(f"<i>{entry.key}:</i> {html.escape(entry.lines[0])}" for entry in said)


def _code(said: list[Entry]) -> str:
    lines = [line for entry in said for line in entry_as_text(entry, indent=0)]
    return f"<pre style='{_CODE}'>{html.escape(chr(10).join(lines))}</pre>"
