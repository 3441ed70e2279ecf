"""What a report says of one item that did not pass: entries of a key and its lines, for text, HTML and Markdown."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from iomux.conformance.result import Result

_MOST_COLUMNS = 84
_NOT_SHRUNK = "(as recorded, not shrunk: no shorter conversation was found that fails)"


@dataclass(frozen=True)
class Entry:
    """One thing that is said of an item."""

    key: str
    lines: tuple[str, ...]
    prose: bool = True
    """Whether it may be wrapped; steps, bytes and commands keep their lines."""


def entries(result: Result) -> list[Entry]:
    """What a student needs to know about an item that did not pass; nothing about one that did."""
    if result.status == "passed":
        return []
    if result.status == "not seen":
        return [Entry("why", (result.seen,))]
    cause = Entry("model", (result.exempt,)) if result.exempt else Entry("hint", (result.hint,))
    shown = [] if result.exempt else _evidence(result)
    return [Entry("sent", (result.sent,)), Entry("seen", (result.seen,)), *shown, cause, Entry("read", (result.man,))]


def _evidence(result: Result) -> list[Entry]:
    """The steps, the bytes, the command and the tape, as far as they are known."""
    found = result.evidence
    numbered = tuple(line for number, step in enumerate(found.steps, 1) for line in _step(number, step))
    said = [Entry("try" if found.shortest else "did", numbered, prose=False)] if numbered else []
    if numbered and not found.shortest:
        said[0] = Entry("did", (*numbered, _NOT_SHRUNK), prose=False)
    if found.window:
        said.append(Entry("", found.window, prose=False))
    if command := found.command or result.run:
        said.append(Entry("run", command, prose=False))
    if found.tape:
        said.append(Entry("tape", tuple(_tape(found.tape)), prose=False))
    return said


def _step(number: int, step: str) -> Sequence[str]:
    return textwrap.wrap(f"{number}. {step}", _MOST_COLUMNS - 6, subsequent_indent="   ")


def _tape(call: str) -> Sequence[str]:
    """A call in two lines if it is too long for one."""
    if len(call) <= _MOST_COLUMNS - 6:
        return [call]
    before, after = call.split(", [", 1)
    return [f"{before},", f"    [{after}"]
