"""Claims that are often made about I/O multiplexing, and the record of a notebook's measurement of one.

The claims are those of a popular introduction, in our words: some hold, some hold in part, some do not hold. It is
TianTianBaby's "Python篇-IO多路复用详解" (Chinese: I/O multiplexing with Python, explained). A notebook that meets a
claim measures it, and `claim` records the result: as a box in the page, and for programs under the project's MIME type
(nbformat 4, "mimetype"). `iomux.table_of_claims` collects these records from the stored notebooks, so every figure in
the table was measured by a cell. A record costs milliseconds.
"""

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, NamedTuple

from iomux.course.verdicts import doubtful, not_tried
from iomux.system.machine import describe

MIME = "application/vnd.iomux.claim+json"
"""The type of a record among the outputs of a stored notebook."""
PAGE = "A_claims_and_words.ipynb"
"""The notebook with the table of all claims."""


class Claim(NamedTuple):
    """One claim: its number, its sentence, and the notebooks (by their two digits) that measure it."""

    number: int
    says: str
    notebooks: tuple[str, ...]


CLAIMS = (
    Claim(1, "With I/O multiplexing one thread handles many connections at once", ("04", "05", "06", "07")),
    Claim(2, "There are three other kinds of I/O: blocking, nonblocking and asynchronous", ("01", "02", "09")),
    Claim(3, "select, poll and epoll keep asking all their sockets, and tell the process", ("04", "05", "06")),
    Claim(4, "It is event-driven programming: a queue of events, a loop, a handler for each kind", ("03",)),
    Claim(5, "It is like a canteen: a thousand people order, sit down, and are called", ("03", "08")),
    Claim(6, "Coroutines get round the waiting by the same model", ("10",)),
    Claim(7, "Blocking, nonblocking and multiplexed I/O are all synchronous", ("08",)),
    Claim(8, "A call blocks because the transfer from the kernel to the process takes time", ("01", "08")),
    Claim(9, "Asynchronous I/O does not block: the process is called when the transfer is over", ("09",)),
    Claim(10, "Multiplexing is fast food, called and fetched; asynchronous I/O is full service", ("08", "09")),
    Claim(11, "With it a server of one thread can hold a very large number of connections", ("07",)),
    Claim(12, "Frameworks have done it already, so one rarely writes it oneself", ("07", "10")),
    Claim(
        13,
        "All that a select server needs: a nonblocking listener, a queue for each client, a list of those to be"
        " answered, and one of the exceptional",
        ("04", "11"),
    ),
    Claim(14, "select, poll and epoll are all synchronous; only asynchronous I/O lets the kernel copy", ("08", "09")),
)
"""All claims, in order."""

_COLORS = {"holds": "#2e8b57", "half": "#d08700", "does not hold": "#c0392b"}


@dataclass(frozen=True)
class Record:
    """The result of one notebook's measurement of one claim."""

    number: int
    verdict: str
    """'holds', 'half', 'does not hold', 'not tried here (why)', or 'not to be told here (why)'."""
    measured: str
    """The figures with their units; empty if the claim was not tried."""
    parts: list[tuple[str, bool]]
    """What the claim implies here, part by part, and whether it was seen (pairs: nbformat sorts an object's keys)."""
    machine: str
    day: str
    """The day of the measurement, ISO 8601."""

    def __repr__(self) -> str:
        rows = [f"measured: {self.measured}", *(f"{part}: {yes(seen)}" for part, seen in self.parts)]
        lines = [*(rows if self.measured else []), f"verdict: {self.verdict}"]
        return "\n  ".join([f"Claim {self.number}: {find(self.number).says}", *lines])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": self._box(), MIME: asdict(self)}

    def _box(self) -> str:
        parts = "".join(f"<li>{html.escape(part)}: <b>{yes(seen)}</b></li>" for part, seen in self.parts)
        seen = f"<div>Measured here: {html.escape(self.measured)}</div><ul style='margin:0'>{parts}</ul>"
        title = f"<b><a href='{PAGE}'>Claim {self.number}</a>.</b>"
        return (
            f"<div style='border-left:4px solid {color(self.verdict)};padding:2px 12px;margin:4px 0'>"
            f"<div>{title} <i>{html.escape(find(self.number).says)}.</i></div>"
            f"{seen if self.measured else ''}<div>Verdict: <b>{html.escape(self.verdict)}</b></div></div>"
        )


def find(number: int) -> Claim:
    """The claim with this number. Raises LookupError if there is none."""
    if not 1 <= number <= len(CLAIMS):
        raise LookupError(f"there is no claim {number}: they go from 1 to {len(CLAIMS)}")
    return CLAIMS[number - 1]


def claim(
    number: int,
    measured: Callable[[], str],
    parts: Mapping[str, Callable[[], object]],
    needs: Sequence[str] = (),
    connections: int = 1,
    doubt: Callable[[], str] | None = None,
) -> Record:
    """Record the measurement of a claim; as the last value of a cell it is shown and stored.

    measured: returns the figures, with their units. parts: by what the claim implies here, in words, a function that
    says whether it was seen. If all were seen the verdict is 'holds', if none 'does not hold', else 'half'. Both are
    called only if everything in `needs` is available and a process may open `connections`; otherwise the record says
    'not tried here (why)'. doubt: why this run cannot tell, as for `iomux.verdict`; then no part is called, and the
    record has only the figures. Raises LookupError for an unknown number or name, ValueError for a claim without parts.

    Example:
    >>> parts = {"one thread": lambda: True, "nobody was lost": lambda: False}
    >>> iomux.claim(1, lambda: "20 clients, 1 thread", parts).verdict
    'half'
    """
    find(number)
    if not parts:
        raise ValueError(f"claim {number} has no parts: say what it implies, and give a function that says if so")
    day = date.today().isoformat()
    if why_not := not_tried(needs, connections):
        return Record(number, why_not, "", [], describe(), day)
    if open_ := doubtful(doubt):
        return Record(number, open_, measured(), [], describe(), day)
    seen = [(part, bool(holds())) for part, holds in parts.items()]
    return Record(number, judge(found for _, found in seen), measured(), seen, describe(), day)


def judge(seen: Iterable[bool]) -> str:
    """The verdict on a claim, from whether each of its parts was seen."""
    found = set(seen)
    return "half" if len(found) > 1 else "holds" if found == {True} else "does not hold"


def color(verdict: str) -> str:
    """The colour of a verdict; grey if the claim was not tried."""
    return _COLORS.get(verdict, "#888888")


def yes(seen: bool) -> str:
    """Whether a part was seen, as a word."""
    return "yes" if seen else "no"
