"""Whether a sweep holds what a figure is to draw: an empty figure would say that nothing was wrong."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def check_measured(frame: "pd.DataFrame", column: str) -> None:
    """Raise ValueError, saying why and what to do, for a frame without that column, or without a value in it."""
    if column not in frame:
        raise ValueError(f"the frame has no column {column!r}: give a frame of iomux.sweep, and one of its columns")
    if frame[column].notna().any():
        return
    reasons = [str(reason) for reason in frame["reason"].fillna("") if reason] if "reason" in frame else []
    if not reasons and column.startswith("p9"):
        why = "there were too few requests for it: measure for longer, or draw p50_us"
    else:
        why = reasons[0] if reasons else "it is not seen of servers that were not started here"
    raise ValueError(f"no run has a {column}: {why}")
