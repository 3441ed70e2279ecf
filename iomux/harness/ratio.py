"""The ratio of two servers in a sweep, round by round, and how sure it is.

In a round both servers were measured shortly after each other. What the machine did meanwhile slowed both, and mostly
cancels out of their ratio. So the ratio is taken within each round first, and then its median, and an interval
over the rounds: from order statistics if there are six or more, else from least to greatest.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iomux.harness.load.rounds import of_rounds

if TYPE_CHECKING:
    import pandas as pd

_SETTINGS = ("connections", "active", "size_bytes", "rate_per_s", "arrivals")


@dataclass(frozen=True)
class Ratio:
    """How many times as much one server needs as another: the median of the rounds, and an interval.

    Example:
    >>> frame = iomux.sweep(["select", "poll"], 10, repeats=2, duration=0.05, progress=False)
    >>> iomux.ratio(frame, "select", "poll", "p50_us").meaning
    'least to greatest of 2 rounds'
    """

    above: str
    """The server whose values are divided."""
    below: str
    """The server by whose values they are divided."""
    column: str
    """Which column of the frame."""
    median: float
    """The median of the rounds' ratios."""
    low: float
    """The lower end of the interval."""
    high: float
    """The upper end of the interval."""
    meaning: str
    """What the interval is: that of the median, at 95 %, or from least to greatest where there are fewer than six."""
    values: tuple[float, ...]
    """The ratio of each round, in their order."""

    @property
    def rounds(self) -> int:
        """How many rounds there were."""
        return len(self.values)

    def __str__(self) -> str:
        words = f"{self.above} / {self.below}, {self.column}: {self.median:.3g} times"
        return f"{words} ({self.low:.3g} to {self.high:.3g}, {self.meaning})"

    __repr__ = __str__


def ratio(frame: "pd.DataFrame", above: str, below: str, column: str) -> Ratio:
    """Divide one server's values by another's within each round of a sweep; return the median and an interval.

    frame: from `iomux.sweep`, with one level of connections. above, below: names in its column `server`. column: what
    is compared, such as "p50_us" or "cpu_us_per_request". The interval contains the true median with at least 95 %
    (Le Boudec, "Performance Evaluation of Computer and Communication Systems", section 2.2); fewer than six
    rounds can't have one, and give the least and the greatest ratio instead: `.meaning` says which.

    Raises ValueError for a server or a column that the frame lacks, several levels, a single round, rounds in which
    only one of the two was measured, and values that are missing or 0.

    Example:
    >>> frame = iomux.sweep(["select", "poll"], 10, repeats=6, duration=0.02, warmup=0.0, progress=False)
    >>> ratio = iomux.ratio(frame, "select", "poll", "cpu_us_per_request")
    >>> ratio.rounds, ratio.low <= ratio.median <= ratio.high, ratio.meaning
    (6, True, '95 % interval of the median, 6 rounds')
    """
    _check_frame(frame, (above, below), column)
    both = frame[frame["server"].isin([above, below])]
    _check_one_level(both)
    over, under = (_by_round(both, name, column) for name in (above, below))
    if alone := sorted(set(over.index) ^ set(under.index)):
        raise ValueError(
            f"round {alone[0]} has {above if alone[0] in over.index else below} only: leave it out, as in "
            f'frame[frame["repeat"] != {alone[0]}]'
        )
    if len(over) < 2:
        raise ValueError("there is one round only, which shows no spread: sweep with repeats=6 or more")
    values = [float(value) for value in over / under]
    return Ratio(above, below, column, *of_rounds(values), tuple(values))


def _check_frame(frame: "pd.DataFrame", servers: tuple[str, str], column: str) -> None:
    import pandas as pd

    if not isinstance(frame, pd.DataFrame) or not {"server", "repeat", "connections"} <= set(frame.columns):
        raise ValueError("frame is no table of iomux.sweep: it has to have the columns server, repeat and connections")
    there = list(dict.fromkeys(frame["server"]))
    if missing := [server for server in servers if server not in there]:
        raise ValueError(f"the frame has no server {missing[0]!r}: choose from {', '.join(map(str, there))}")
    if servers[0] == servers[1]:
        raise ValueError(f"{servers[0]} is compared with itself: name two servers")
    numbers = list(frame.select_dtypes("number").columns)
    if column not in numbers:
        raise ValueError(f"the frame has no column {column!r} of numbers: choose from {', '.join(numbers)}")


def _check_one_level(both: "pd.DataFrame") -> None:
    for setting in _SETTINGS:
        levels = list(dict.fromkeys(both[setting].dropna())) if setting in both else []
        if len(levels) > 1:
            raise ValueError(
                f"{setting} has several values, {', '.join(map(str, levels))}: select one, as in "
                f'frame[frame["{setting}"] == {levels[-1]!r}]'
            )


def _by_round(both: "pd.DataFrame", server: str, column: str) -> "pd.Series[float]":
    rows = both[both["server"] == server]
    if (twice := rows["repeat"].duplicated()).any():
        raise ValueError(
            f"round {rows['repeat'][twice].iloc[0]} is there twice for {server}: rounds of two sweeps don't pair; "
            "take one sweep with more repeats, or compare two by `iomux compare`"
        )
    unknown = rows[rows[column].isna() | (rows[column] == 0)]
    if len(unknown):
        reasons = [str(reason) for reason in unknown.get("reason", []) if reason]
        why = reasons[0] if reasons else "too few requests, or not seen: measure for longer, or take another column"
        raise ValueError(f"{server} has no {column} in round {unknown['repeat'].iloc[0]}: {why}")
    return rows.set_index("repeat")[column].sort_index()
