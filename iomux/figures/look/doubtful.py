"""The words of a footnote for runs that may not be trusted (`iomux.LoadResult.doubts`); none if all is well."""

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_LETTERS = 150  # that fit below a figure


def doubtful(frame: "pd.DataFrame") -> str:
    """How many runs of a sweep are in doubt, and how many were dropped for one: a line to append, or nothing.

    frame: from `iomux.sweep`; one without the column `doubts`, as from an earlier file, says nothing.
    """
    said = []
    if "doubts" in frame:
        measured = frame[frame["reason"].fillna("") == ""]
        if count := int((measured["doubts"].fillna("") != "").sum()):
            said.append(f"in doubt: {count} of {len(measured)} runs (column doubts)")
    if dropped := int(frame.attrs.get("doubtful", 0)):
        said.append(f"{dropped} disturbed run{'s' if dropped > 1 else ''} dropped and repeated")
    return f"\n{'; '.join(said)}" if said else ""


def doubts_of(runs: Mapping[str, Any]) -> list[str]:
    """The first doubt of each result, after its label; nothing of raw samples and of results without one."""
    said = [f"{label}, in doubt: {run.doubts[0]}" for label, run in runs.items() if getattr(run, "doubts", ())]
    return [textwrap.fill(line, _LETTERS) for line in said]
