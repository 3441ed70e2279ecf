"""The report of `iomux.check`: the same words for the same fault, for a student, a test and a grader.

Its text has no timings, so that a notebook's stored output stays equal. Figures that differ from run to run (how many
bytes came back, how far memory grew) are in each result's `detail`, and in the JSON.
"""

import html
import json
import textwrap
from dataclasses import asdict, dataclass, field
from itertools import groupby

from iomux.conformance.trial.outcome import Status

_MARKS = {"passed": "✓", "failed": "✗", "not seen": "?"}
_COLUMNS = 95  # what JupyterLab shows of a line on a small laptop; it breaks a longer one in the middle of a word


@dataclass(frozen=True)
class Result:
    """One item of a report: the rule that was tested, what the clients sent, what they saw.

    Example:
    >>> result = iomux.check("poll", only="echoes", progress=False)["echoes"]
    >>> result.status, result.earned == result.points
    ('passed', True)
    """

    name: str
    """The item's name, as for the argument `only` of `iomux.check`."""
    status: Status
    """"passed", "failed", or "not seen": it could not be tried."""
    points: int
    """What the item is worth: a result earns its points by passing."""
    rule: str
    """What a correct server does."""
    sent: str
    """What the clients did."""
    seen: str
    """What the clients saw, if the item did not pass; the same words for the same fault."""
    hint: str
    """For the student: where to look for the cause, without the code of a solution."""
    man: str
    """Manual pages to read."""
    exempt: str = ""
    """Why a server of this I/O model can't pass; empty if it could."""
    detail: dict[str, object] = field(default_factory=dict)
    """Figures of this run, which differ from run to run."""

    @property
    def earned(self) -> int:
        """Its points if it passed, else 0."""
        return self.points if self.status == "passed" else 0


@dataclass(frozen=True, repr=False)
class Report:
    """All items that were tried on one server, in their order.

    Example:
    >>> report = iomux.check("poll", only=["echoes", "sizes"], progress=False)
    >>> report.failed, report["sizes"].status
    ((), 'passed')
    """

    target: str
    """The server's short name, its command line or its address."""
    results: tuple[Result, ...]
    """One for each item, in the order in which they were tried."""

    @property
    def passed(self) -> bool:
        """Whether no item failed, and at least one passed."""
        return not self.failed and any(result.status == "passed" for result in self.results)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the items that failed."""
        return tuple(result.name for result in self.results if result.status == "failed")

    @property
    def not_seen(self) -> tuple[str, ...]:
        """The names of the items that could not be tried."""
        return tuple(result.name for result in self.results if result.status == "not seen")

    @property
    def points(self) -> int:
        """The points of all items."""
        return sum(result.points for result in self.results)

    @property
    def earned(self) -> int:
        """The points of the items that passed: an item that was not seen earns none."""
        return sum(result.earned for result in self.results)

    def __getitem__(self, name: str) -> Result:
        for result in self.results:
            if result.name == name:
                return result
        raise KeyError(f"no item {name!r} in this report: it has {', '.join(r.name for r in self.results)}")

    def raise_if_failed(self) -> None:
        """Raise AssertionError, with what failed and why, unless every item that could be tried has passed.

        It is a plain AssertionError, which pytest, nbgrader and otter understand.
        """
        if not self.passed:
            raise AssertionError(str(self))

    def to_json(self) -> str:
        """The whole report as one JSON object, with the figures of this run."""
        summary = {"target": self.target, "passed": self.passed, "points": self.points, "earned": self.earned}
        return json.dumps(
            summary | {"results": [asdict(result) | {"earned": result.earned} for result in self.results]}, indent=1
        )

    def headline(self) -> str:
        """One line: how many items passed, and the points."""
        good = sum(result.status == "passed" for result in self.results)
        unseen = f", {len(self.not_seen)} not seen" if self.not_seen else ""
        return (
            f"{self.target}: {good} of {len(self.results)} items passed{unseen}, {self.earned} of {self.points} points"
        )

    def __str__(self) -> str:
        groups = groupby(self.results, key=lambda result: (result.status, result.seen))
        return "\n".join([self.headline(), *(line for _, group in groups for line in _lines(list(group)))])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(_row(result) for result in self.results)
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in ("", "item", "points", "what was seen"))
        return f"<p><b>{html.escape(self.headline())}</b></p><table><tr>{head}</tr>{rows}</table>"


def _lines(group: list[Result]) -> list[str]:
    """The lines of adjacent results with the same status and reason: items not seen share one entry."""
    if group[0].status == "not seen":
        names = ", ".join(result.name for result in group)
        return textwrap.wrap(names, _COLUMNS, initial_indent="  not seen ", subsequent_indent=" " * 11) + _indented(
            group[0]
        )
    return [
        line
        for result in group
        for line in (f"  {result.status:<8} {result.name:<17} {result.rule}", *_indented(result))
    ]


def _indented(result: Result) -> list[str]:
    """The explanation of a result, wrapped and indented under its name."""
    return [
        line
        for name, text in (_explanation(result) if result.status != "passed" else [])
        for line in textwrap.wrap(f"{name} {text}", _COLUMNS, initial_indent=" " * 11, subsequent_indent=" " * 17)
    ]


def _explanation(result: Result) -> list[tuple[str, str]]:
    """What a student needs to know about an item that did not pass."""
    if result.status == "not seen":
        return [("why:", result.seen)]
    cause = ("model:", result.exempt) if result.exempt else ("hint:", result.hint)
    return [("sent:", result.sent), ("seen:", result.seen), cause, ("read:", result.man)]


def _row(result: Result) -> str:
    explanation = "".join(f"<br><i>{name}</i> {html.escape(text)}" for name, text in _explanation(result))
    text = html.escape(result.rule) + (explanation if result.status != "passed" else "")
    short = (
        f"{_MARKS[result.status]} {result.status}",
        html.escape(result.name),
        f"{result.earned} of {result.points}",
    )
    look = "text-align:left;vertical-align:top"
    cells = "".join(f"<td style='{look};white-space:nowrap'>{cell}</td>" for cell in short)
    return f"<tr>{cells}<td style='{look}'>{text}</td></tr>"
