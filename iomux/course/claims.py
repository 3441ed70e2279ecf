"""What is often said of I/O multiplexing, claim by claim, and a notebook's own measurement of it.

The sentences are those of a popular introduction, in our words: some hold, some hold in part, some do not. A
notebook that meets one measures it, and `claim` records what came out: a box in the page, and beside it, under
a MIME type of our own (nbformat 4, "mimetype"), the same for programs. `iomux.table_of_claims` collects those
from the stored notebooks, so that the table has no figure that no cell has measured. A record costs milliseconds.
"""

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, NamedTuple

from iomux.course.verdicts import doubtful, not_tried
from iomux.system.machine import describe

MIME = "application/vnd.iomux.claim+json"
"""Under this type a record lies in a stored notebook's outputs."""


class Claim(NamedTuple):
    """One claim: its number, what is said, and the notebooks (by their two digits) that meet it."""

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
    """What one notebook has measured of one claim."""

    number: int
    verdict: str
    """'holds', 'half', 'does not hold', 'not tried here (why)', or 'not to be told here (why)'."""
    measured: str
    """With its figures and their units; empty where it was not tried."""
    parts: list[tuple[str, bool]]
    """What the claim comes to here, part by part, and whether it was seen (pairs: nbformat sorts an object's keys)."""
    machine: str
    day: str
    """Of the measurement, ISO 8601."""

    def __repr__(self) -> str:
        rows = [f"measured: {self.measured}", *(f"{part}: {yes(seen)}" for part, seen in self.parts)]
        lines = [*(rows if self.measured else []), f"verdict: {self.verdict}"]
        return "\n  ".join([f"Claim {self.number}: {find(self.number).says}", *lines])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": self._box(), MIME: asdict(self)}

    def _box(self) -> str:
        parts = "".join(f"<li>{html.escape(part)}: <b>{yes(seen)}</b></li>" for part, seen in self.parts)
        seen = f"<div>Measured here: {html.escape(self.measured)}</div><ul style='margin:0'>{parts}</ul>"
        title = f"<b><a href='00_start_here.ipynb'>Claim {self.number}</a>.</b>"
        return (
            f"<div style='border-left:4px solid {color(self.verdict)};padding:2px 12px;margin:4px 0'>"
            f"<div>{title} <i>{html.escape(find(self.number).says)}.</i></div>"
            f"{seen if self.measured else ''}<div>Verdict: <b>{html.escape(self.verdict)}</b></div></div>"
        )


def find(number: int) -> Claim:
    """The claim of that number. Raises LookupError for a number that there is not."""
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
    """Record what was measured of a claim; as the last value of a cell it is shown, and found again.

    measured: the figures, with their units. parts: what the claim comes to here, in words, and whether it was
    seen; all of them make it 'holds', none 'does not hold', some 'half'. Both are called only where everything
    in `needs` is available and a process may open `connections`, else the record says 'not tried here (why)'.
    doubt: as for `iomux.verdict`: why this run cannot tell; then no part is asked, and the figures stand alone.
    Raises LookupError for a number or a name that there is not, ValueError for a claim without parts.

    Example:
    >>> parts = {"one thread": lambda: True, "nobody was lost": lambda: False}
    >>> iomux.claim(1, lambda: "20 clients, 1 thread", parts).verdict
    'half'
    """
    find(number)
    if not parts:
        raise ValueError(f"claim {number} has no parts: say what it comes to, and how one sees whether that is so")
    day = date.today().isoformat()
    if why_not := not_tried(needs, connections):
        return Record(number, why_not, "", [], describe(), day)
    if open_ := doubtful(doubt):
        return Record(number, open_, measured(), [], describe(), day)
    seen = [(part, bool(holds())) for part, holds in parts.items()]
    return Record(number, judge(found for _, found in seen), measured(), seen, describe(), day)


def judge(seen: Iterable[bool]) -> str:
    """The verdict on a claim of which these parts were seen, or not."""
    found = set(seen)
    return "half" if len(found) > 1 else "holds" if found == {True} else "does not hold"


def color(verdict: str) -> str:
    """A verdict's colour; grey for what was not tried."""
    return _COLORS.get(verdict, "#888888")


def yes(seen: bool) -> str:
    """A part's answer, in a word."""
    return "yes" if seen else "no"
