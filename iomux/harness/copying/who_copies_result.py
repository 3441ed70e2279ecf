"""The result of `iomux.who_copies`, as tables, text and HTML; it can be saved to a file.

A result that was loaded from a file was measured at another time, maybe on another machine: it says so wherever it
is shown.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iomux.harness.copying.who_copies_rounds import Seen, Turn
from iomux.harness.copying.who_copies_ways import WAYS
from iomux.system.machine import describe
from iomux.system.units import size_name

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ["wall_ms", "user_ms", "system_ms", "helpers_ms", "watched_ms", "calls_ms", "before", "meanwhile", "after"]
SHOWN += ["syscalls"]
"""The columns of the table, which shows the medians of the rounds."""


@dataclass(frozen=True, eq=False)
class WhoCopies:
    """Which thread copied, by way and round. Units are in the names.

    Example:
    >>> result = iomux.who_copies(size=65536, count=2, repeats=1, progress=False)
    >>> len(result.transfers) == result.count * len(result.frame)
    True
    """

    frame: "pd.DataFrame"
    """A row for each way and round: `wall_ms`, from the request until all bytes were in and the computation was done;
    `user_ms` and `system_ms` of the application's thread; `helpers_ms`, processor time of all other threads of the
    process, which are io_uring's; `watched_ms`, the part of it in which SQPOLL's thread only watched the ring (in the
    scheduler's ticks, as `system_ms`; NaN before Linux 6.9, which does not say); `calls_ms`, the application's
    processor time outside the computation; `asked_ms` and `computed_ms`, when the request was made and the computation
    ended; `before`, `meanwhile`, `after`: how many transfers were in before the computation, came in during it (seen
    without a system call), and after it;
    `syscalls`."""
    transfers: "pd.DataFrame"
    """A row for each way, round and connection: `seen_ms`, from the request until its bytes were seen to be in."""
    size_bytes: int
    """Bytes that were received from each connection."""
    count: int
    """The number of connections."""
    machine: str
    """The machine that it was measured on, in one line."""
    apart: bool
    """Whether the application's thread and io_uring's ran on different cores; on one core nothing can overlap."""
    missing: dict[str, str]
    """By way: why it could not be tried."""
    recorded: str = ""
    """If it was loaded from a file: when and how it was measured; else empty."""

    @property
    def table(self) -> "pd.DataFrame":
        """The medians of the rounds, one row for each way."""
        return self.frame.groupby("way", sort=False)[SHOWN].median().round(1)

    @property
    def where(self) -> str:
        """The machine, for a caption; for a recorded result also that it was recorded, and when."""
        return f"RECORDED on {self.machine}, {self.recorded}; not measured here" if self.recorded else self.machine

    def __str__(self) -> str:
        rounds = self.frame["round"].nunique()
        what = f"{self.count} × {size_name(self.size_bytes)}, median (least to greatest) of {rounds} rounds, in ms"
        lines = [self.where, what if self.apart else f"{what}; on a single core, where nothing can overlap"]
        for way, rows in self.frame.groupby("way", sort=False):
            parts = [f"{name} {_spread(rows[f'{name}_ms'])}" for name in ("wall", "user", "system", "helpers")]
            watched = rows["watched_ms"].median()
            parts += [f"of which watching {watched:.1f}"] if watched > 0 else []
            lines.append(f"{way}: {', '.join(parts)}")
        return "\n".join([*lines, *(f"{way}: not measured: {why}" for way, why in self.missing.items())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The medians as a table, and under it the machine, and the ways that were not measured."""
        import html

        first, what, *rest = str(self).splitlines()
        under = [first, what, *(line for line in rest if ": not measured: " in line)]
        return self.table.to_html() + "".join(f"<div>{html.escape(line)}</div>" for line in under)

    def save(self, path: str | Path, recorded: str) -> None:
        """Write it to a JSON file; recorded: when and how it was measured, in words."""
        rest = {name: getattr(self, name) for name in ("size_bytes", "count", "machine", "apart", "missing")}
        frames = {name: getattr(self, name).round(3).to_dict("list") for name in ("frame", "transfers")}
        Path(path).write_text(json.dumps({"recorded": recorded, **rest, **frames}) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> "WhoCopies":
        """Load a saved result. Raises ValueError for a file that holds none."""
        import pandas as pd

        try:
            kept = json.loads(Path(path).read_text())
            frame, transfers = (pd.DataFrame(kept.pop(name)) for name in ("frame", "transfers"))
            return cls(frame, transfers, **kept)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} holds no result of who_copies: {error}") from error


def _spread(values: "pd.Series[float]") -> str:
    return f"{values.median():.1f} ({values.min():.1f} to {values.max():.1f})"


def summarize(size: int, count: int, seen: Sequence[Seen], missing: Mapping[str, str], apart: bool) -> WhoCopies:
    """Make a result of what the processes measured. missing: by way, why it was not tried."""
    import pandas as pd

    refused = {way: why for part in seen for way, why in part.reasons.items()}
    turns = sorted(
        (turn for part in seen for turn in part.turns), key=lambda turn: (list(WAYS).index(turn.way), turn.round)
    )
    frame = pd.DataFrame([_row(turn, count) for turn in turns])
    transfers = pd.DataFrame(
        [
            {"way": turn.way, "round": turn.round, "connection": number, "seen_ms": stamp / 1e6}
            for turn in turns
            for number, stamp in enumerate(turn.seen)
        ]
    )
    return WhoCopies(frame, transfers, size, count, describe(), apart, {**missing, **refused})


def _row(turn: Turn, count: int) -> dict[str, Any]:
    return {
        "way": turn.way,
        "round": turn.round,
        "wall_ms": turn.collected / 1e6,
        "user_ms": turn.application.user * 1e3,
        "system_ms": turn.application.system * 1e3,
        "helpers_ms": turn.helpers_ns / 1e6,
        "watched_ms": math.nan if turn.watched_ns is None else turn.watched_ns / 1e6,
        "calls_ms": turn.calls_ns / 1e6,
        "asked_ms": turn.asked / 1e6,
        "computed_ms": turn.computed / 1e6,
        "before": turn.before,
        "meanwhile": turn.meanwhile,
        "after": count - turn.before - turn.meanwhile,
        "syscalls": turn.syscalls,
    }
