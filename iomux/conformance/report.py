"""The report of `iomux.check`: the same words for the same fault, for a student, a test and a grader.

Its text has no timings, so that a notebook's stored output stays equal. Figures that differ from run to run (how many
bytes came back, how far memory grew) are in each result's `detail`, and in the JSON.
"""

import json
from dataclasses import asdict, dataclass

from iomux.conformance.junit import junit
from iomux.conformance.markdown import markdown
from iomux.conformance.page import page
from iomux.conformance.repair import repair_first
from iomux.conformance.result import Result
from iomux.conformance.text import items_as_text, wrapped

HIDDEN = 3
"""The status of a report in which nothing failed, but of which this machine has hidden some items: no mark."""


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
    notes: tuple[str, ...] = ()
    """How the target was called, where there are several ways; a line each."""
    built: str = ""
    """How the server is built, as far as /proc shows it; empty if nothing failed, or if it is not known."""

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

    @property
    def exit_status(self) -> int:
        """The status of the command: 0 passed; 1 failed; 3 nothing failed, but this machine hid some items."""
        if not self.failed and self._hidden():
            return HIDDEN
        return 0 if self.passed else 1

    @property
    def repair_first(self) -> str:
        """One sentence: which failed item to repair first, and which others it explains; empty if it explains none."""
        return repair_first(self.results)

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
        """The whole report as one JSON object, with the figures of this run; what JSON does not know, as in Python."""
        summary = {
            "target": self.target,
            "passed": self.passed,
            "points": self.points,
            "earned": self.earned,
            "exit_status": self.exit_status,
            "repair_first": self.repair_first,
            "built": self.built,
            "notes": self.notes,
        }
        results = [asdict(result) | {"earned": result.earned} for result in self.results]
        return json.dumps(summary | {"results": results}, indent=1, default=repr)

    def to_junit(self) -> str:
        """The report as JUnit XML: a test case for each item, skipped if it was not seen."""
        return junit(self.target, self._about(), self.results)

    def to_markdown(self) -> str:
        """The report as Markdown, for a pull request or a feedback file."""
        return markdown(self.headline(), self._about(), self.results)

    def headline(self) -> str:
        """One line: how many items passed, and the points."""
        good = sum(result.status == "passed" for result in self.results)
        unseen = f", {len(self.not_seen)} not seen" if self.not_seen else ""
        points = f"{self.earned} of {self.points} points"
        here = f"; only {self._seen_points()} of {self.points} points could be seen here" if self._hidden() else ""
        return f"{self.target}: {good} of {len(self.results)} items passed{unseen}, {points}{here}"

    def _hidden(self) -> list[str]:
        """The items that this machine did not let us see."""
        return [result.name for result in self.results if result.by_machine]

    def _seen_points(self) -> int:
        return sum(result.points for result in self.results if not result.by_machine)

    def _about(self) -> list[str]:
        """What is said of the server as a whole, under the headline."""
        built = f"built as: {self.built}" if self.built else ""
        hidden = f"this machine, not the server, keeps from being seen: {', '.join(self._hidden())}"
        here = (
            f"{hidden}; each says below what to change here, and until then this is no mark" if self._hidden() else ""
        )
        return [line for line in (here, self.repair_first, built, *self.notes) if line]

    def __str__(self) -> str:
        about = [part for line in self._about() for part in wrapped(line)]
        return "\n".join([self.headline(), *about, *items_as_text(self.results)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return page(self.headline(), self._about(), self.results)
