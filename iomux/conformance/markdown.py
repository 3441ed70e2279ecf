"""A report as Markdown (GitHub's, GFM), for a pull request or a feedback file."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from iomux.conformance.entries import Entry, entries
from iomux.conformance.result import Result
from iomux.conformance.text import entry_as_text, stage_as_text

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~&])")


def markdown(headline: str, lines: Sequence[str], results: Sequence[Result]) -> str:
    """The report as Markdown: what failed, each under a heading of its own, then what was not seen and what passed."""
    failed = [result for result in results if result.status == "failed"]
    parts = [f"**{_plain(headline)}**", *map(_plain, lines), *_stages(results)]
    parts += [part for result in failed for part in _failed(result)]
    unseen = [result for result in results if result.status == "not seen"]
    for reason, group in groupby(unseen, key=lambda result: result.seen):
        parts.append(f"Not seen: {_names(list(group))}: {_plain(reason)}")
    if passed := [result for result in results if result.status == "passed"]:
        parts.append(f"Passed: {_names(passed)}")
    return "\n\n".join(parts) + "\n"


def _stages(results: Sequence[Result]) -> Iterator[str]:
    """One part with a line for each stage, where a check goes in stages."""
    stages = ((name, list(group)) for name, group in groupby(results, key=lambda result: result.stage))
    if told := [f"- {_plain(stage_as_text(name, group))}" for name, group in stages if name]:
        yield "\n".join(told)


def _names(results: Sequence[Result]) -> str:
    return ", ".join(f"`{result.name}`" for result in results)


def _failed(result: Result) -> Iterator[str]:
    yield f"### ✗ {_plain(result.name)}: {_plain(result.rule)} ({result.earned} of {result.points} points)"
    for prose, group in groupby(entries(result), key=lambda entry: entry.prose):
        said = list(group)
        yield "\n".join(map(_bullet, said)) if prose else _fenced(said)


def _bullet(entry: Entry) -> str:
    return f"- *{entry.key}:* {_plain(entry.lines[0])}"


def _fenced(said: Sequence[Entry]) -> str:
    """A block of code, between fences longer than any in it."""
    text = "\n".join(line for entry in said for line in entry_as_text(entry, indent=0))
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _plain(text: str) -> str:
    """Text on one line, in which nothing has a meaning for Markdown."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
