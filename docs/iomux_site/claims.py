"""The page of the claims: what each notebook measured of each, with a link to the cell that decides it.

All is read from the stored notebooks, as by `iomux.table_of_claims`. The page in Chinese has the headings itself, each
below a mark with a hash of the English sentence, and the figures as they were recorded.
"""

import html
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from iomux.course.claims import CLAIMS, MIME, Claim
from iomux.course.claims_table import Row, table_of_claims
from iomux_site import ROOT, SAFE, is_chinese
from iomux_site.figures import anchor

_MARK = re.compile(r"^<!-- claim: (\d+) [0-9a-f]{12} -->\n## (.+)$", re.MULTILINE)
_CHINESE = {"holds": "成立", "half": "一半成立", "does not hold": "不成立", "yes": "是", "no": "否"}


@cache
def rows() -> tuple[Row, ...]:
    """Each claim in each of its notebooks."""
    return table_of_claims(ROOT / "notebooks").rows


@cache
def cell_of(notebook: str, number: int) -> str:
    """The address of the cell with a notebook's last record of a claim. Raises LookupError if it has none."""
    path = ROOT / "notebooks" / f"{notebook}.ipynb"
    found = [
        cell["id"]
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        for output in cell.get("outputs", [])
        if output.get("data", {}).get(MIME, {}).get("number") == number
    ]
    if not found:
        raise LookupError(f"{notebook} has no record of claim {number}")
    return f"{notebook}.html#{anchor(found[-1])}"


def add_claims(app: Any, document: str, source: list[str]) -> None:
    """Fill the page: the summary, and below each claim what was measured."""
    if document not in ("docs/claims", "docs/claims.zh"):
        return
    chinese = is_chinese(document)
    titles = dict(translated(source[0])) if chinese else {one.number: one.says for one in CLAIMS}
    text, _, _ = source[0].partition("<!-- claims -->")
    details = "\n\n".join(_section(one, titles[one.number], chinese) for one in CLAIMS)
    source[0] = f"{text}\n{_summary(titles, chinese)}\n\n{details}\n"


def translated(text: str) -> Iterator[tuple[int, str]]:
    """The claims' numbers and headings in a page in another language."""
    return ((int(number), heading) for number, heading in _MARK.findall(text))


def _summary(titles: dict[int, str], chinese: bool) -> str:
    head = "| 编号 | 论断 | 判定 |" if chinese else "| no. | claim | verdict |"
    lines = [
        f"| {one.number} | [{titles[one.number]}](#{_target(one, chinese)}) |"
        f" {', '.join(_verdict(row, chinese) for row in _of(one))} |"
        for one in CLAIMS
    ]
    return "\n".join([head, "|---|---|---|", *lines])


def _section(claim: Claim, title: str, chinese: bool) -> str:
    items = "\n".join(_item(row, chinese) for row in _of(claim))
    return f"({_target(claim, chinese)})=\n## {claim.number}. {title}\n\n{items}"


def _target(claim: Claim, chinese: bool) -> str:
    return f"claim-{'zh-' * chinese}{claim.number}"


def _of(claim: Claim) -> Iterator[Row]:
    return (row for row in rows() if row.claim.number == claim.number)


def _word(word: str, chinese: bool) -> str:
    return _CHINESE.get(word, word) if chinese else word


def _link(row: Row, text: str, chinese: bool) -> str:
    folder = "../notebooks/zh" if chinese else "../notebooks"
    return f'<a class="reference internal" href="{folder}/{cell_of(row.notebook, row.claim.number)}">{text}</a>'


def _verdict(row: Row, chinese: bool) -> str:
    digits = row.notebook.partition("_")[0]
    if row.record is None:
        return f"{digits}: {row.why_not}"
    return f"{_link(row, digits, chinese)}: {_word(row.record.verdict, chinese)}"


def _item(row: Row, chinese: bool) -> str:
    name = row.notebook.replace("_", " ")
    if row.record is None:
        return f"- {name}: {row.why_not}"
    parts = "; ".join(
        f"{html.escape(part)}: **{_word('yes' if seen else 'no', chinese)}**" for part, seen in row.record.parts
    )
    measured = f": {html.escape(row.record.measured)}" if row.record.measured else ""
    small = f"\n\n  <small>{parts}</small>" if parts else ""
    verdict = f"**{_word(row.record.verdict, chinese)}**"
    return f"- {_link(row, name, chinese)}, {verdict}{measured}{small}"


def setup(app: Any) -> dict[str, bool]:
    """Join Sphinx."""
    app.connect("source-read", add_claims)
    return SAFE
