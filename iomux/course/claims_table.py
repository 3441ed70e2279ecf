"""The table of claims with each notebook's measurements, read from the stored outputs of the notebooks.

Nothing is measured here, and this file contains no figure. A notebook that was not run, or not since a claim
was added to it, has no record, and the table says so. Cost: every notebook is read once, about 100 ms in all.
"""

import html
import json
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from iomux.course.claims import CLAIMS, MIME, Claim, Record, color, yes

if TYPE_CHECKING:
    import pandas as pd


class Row(NamedTuple):
    """One claim in one of its notebooks."""

    claim: Claim
    notebook: str
    """The file's name without its suffix; only the two digits if there is no such file."""
    record: Record | None
    why_not: str
    """Why there is no record; empty if there is one."""


@dataclass(frozen=True)
class ClaimsTable:
    """Each claim with each notebook that measures it, in order."""

    rows: tuple[Row, ...]

    @property
    def missing(self) -> list[tuple[int, str]]:
        """The claims and notebooks without a record."""
        return [(row.claim.number, row.notebook) for row in self.rows if row.record is None]

    @property
    def frame(self) -> "pd.DataFrame":
        """A row for each claim and notebook: `number`, `claim`, `notebook`, `measured`, `verdict`, `machine`, `day`."""
        import pandas as pd

        columns = ["number", "claim", "notebook", "measured", "verdict", "machine", "day"]
        return pd.DataFrame(
            [
                (row.claim.number, row.claim.says, row.notebook, *_measured_and_verdict(row))
                + ((row.record.machine, row.record.day) if row.record else ("", ""))
                for row in self.rows
            ],
            columns=columns,
        )

    def measured_on(self) -> list[str]:
        """The machine and day of the records, each with the notebooks measured there and then."""
        found: dict[str, list[str]] = {}
        for row in self.rows:
            if row.record:
                where = found.setdefault(f"{row.record.machine}, {row.record.day}", [])
                where += [row.notebook[:2]] if row.notebook[:2] not in where else []
        return [f"measured on {where} ({', '.join(sorted(names))})" for where, names in found.items()]

    def __repr__(self) -> str:
        lines = []
        for row in self.rows:
            if row.notebook[:2] == row.claim.notebooks[0]:
                lines += textwrap.wrap(f"{row.claim.number:>2}  {row.claim.says}", 110, subsequent_indent=" " * 4)
            measured, verdict = _measured_and_verdict(row)
            text = f"{_title(row)}, {verdict}{': ' * bool(measured)}{measured}"
            lines += textwrap.wrap(text, 110, initial_indent=" " * 6, subsequent_indent=" " * 8)
        return "\n".join([*lines, *self.measured_on()])

    def _repr_html_(self) -> str:
        left = "style='text-align:left'"
        head = "".join(f"<th {left}>{name}</th>" for name in ("", "claim", "notebook", "measured here", "verdict"))
        rows = "".join(_html_row(row) for row in self.rows)
        foot = "".join(f"<div><small>{html.escape(line)}</small></div>" for line in self.measured_on())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{foot}"


def table_of_claims(folder: str | Path = ".") -> ClaimsTable:
    """Collect what the notebooks stored in `folder` measured of each claim; displays as a table.

    By default the folder is the one of the calling notebook. A claim without a record is listed with the reason.

    Example:
    >>> table = iomux.table_of_claims("notebooks")
    >>> list(table.frame.columns)
    ['number', 'claim', 'notebook', 'measured', 'verdict', 'machine', 'day']
    """
    pages = {path.name[:2]: Page.read(path) for path in sorted(Path(folder).glob("[0-9][0-9]_*.ipynb"))}
    return ClaimsTable(
        tuple(pages.get(digits, Page(digits, {}, "not here")).row(one) for one in CLAIMS for digits in one.notebooks)
    )


class Page(NamedTuple):
    """One stored notebook: its records by the claim's number, and why one may be missing."""

    name: str
    records: dict[int, Record]
    why_none: str

    @classmethod
    def read(cls, path: Path) -> "Page":
        """Read a notebook's outputs; the last of several records of one claim counts."""
        try:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            code = [cell for cell in cells if cell["cell_type"] == "code"]
            bundles = [output.get("data", {}) for cell in code for output in cell["outputs"]]
            records = [Record(**bundle[MIME]) for bundle in bundles if MIME in bundle]
        except (OSError, ValueError, KeyError, TypeError) as error:
            return cls(path.stem, {}, f"could not be read ({type(error).__name__})")
        return cls(path.stem, {record.number: record for record in records}, _why_none(code))

    def row(self, claim: Claim) -> Row:
        """This page's row for a claim."""
        record = self.records.get(claim.number)
        return Row(claim, self.name, record, "" if record else self.why_none)


def _why_none(code: list[dict[str, Any]]) -> str:
    """Why a page has no record: an error ended it, it was never run, or it was run before the claim was added."""
    for cell in code:
        for output in cell["outputs"]:
            if output["output_type"] == "error" and "raises-exception" not in cell["metadata"].get("tags", []):
                return f"ended by an error ({output['ename']})"
    if any(cell.get("execution_count") is None for cell in code):
        return "not run yet"
    return "nothing recorded: run it again"


def _measured_and_verdict(row: Row) -> tuple[str, str]:
    return (row.record.measured, row.record.verdict) if row.record else ("", row.why_not)


def _title(row: Row) -> str:
    return row.notebook.replace("_", " ")


def _html_row(row: Row) -> str:
    top = "style='text-align:left;vertical-align:top'"
    measured, verdict = _measured_and_verdict(row)
    number = says = ""
    if row.notebook[:2] == row.claim.notebooks[0]:
        number, says = str(row.claim.number), html.escape(row.claim.says)
    parts = " · ".join(f"{part}: {yes(seen)}" for part, seen in (row.record.parts if row.record else []))
    details = f"{html.escape(measured)}<div><small>{html.escape(parts)}</small></div>"
    link = f"<a href='{row.notebook}.ipynb'>{_title(row)}</a>" if len(row.notebook) > 2 else row.notebook
    mark = color(verdict if row.record else "")
    cells = (number, says, link, details, f"<b style='color:{mark}'>{html.escape(verdict)}</b>")
    return f"<tr>{''.join(f'<td {top}>{cell}</td>' for cell in cells)}</tr>"
