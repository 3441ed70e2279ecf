"""The result of `iomux.copy_cost`: what each way took at each size, as tables, text and HTML.

The copy is the time that a receive takes longer than the same call without it (MSG_TRUNC): the difference of two
medians, separately at each size. No line is fitted through the sizes. On many processors time is not linear in size,
because a byte within the first cache is cheaper to copy than one beyond it; and the intercept of a bad fit may be
below 0, which no call costs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iomux.harness.copying.copy_calls import WAYS
from iomux.harness.copying.copy_rounds import CopySamples, Key
from iomux.system.machine import describe
from iomux.system.units import size_name

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from iomux.harness.load.result import Nanoseconds

    Floats = npt.NDArray[np.float64]

SPAN_BYTES = (4 * 1024, 1024 * 1024)
"""The sizes between which the cost of a further KiB is computed: from where the copy shows to where caches end."""
_LEAST_SPAN = 16  # the least ratio of the larger to the smaller size: over a narrow range the difference is noise
_WITHOUT_COPY = "recv_into MSG_TRUNC"
_HALF = 0.5


@dataclass(frozen=True, eq=False)
class CopyCost:
    """What receiving, sending and copying took, by way and size. Units are in the names.

    Example:
    >>> cost = iomux.copy_cost([64, 4096], repeats=10, progress=False)
    >>> list(cost.by_size.columns)
    ['receive_us', 'call_us', 'copy_us', 'share', 'copy_gb_per_s']
    """

    frame: "pd.DataFrame"
    """A row for each way and size: `side` ("receive", "send", "memory"), `how`, `size_bytes`, `median_us`, `p25_us`,
    `p75_us`, `min_us`, `samples`, `short` (calls that moved fewer bytes, which are not samples), and `reason`:
    empty, or why there is no figure."""
    machine: str
    """The machine that it was measured on, in one line."""
    samples: "dict[Key, Nanoseconds]" = field(repr=False)
    """Raw samples by (how, size_bytes), in the order in which they were taken."""

    @property
    def by_size(self) -> "pd.DataFrame":
        """A row for each size (index `size_bytes`): what a receive costs, and how much of it is the copy.

        `receive_us` (median of `recv_into`), `call_us` (of the same under MSG_TRUNC, which copies nothing), `copy_us`
        (the difference), `share` (of the copy in the receive, 0 to 1), `copy_gb_per_s` (10⁹ bytes; NaN if the copy is
        too small to measure). NaN if one of the two was not measured. The copy is a difference of two medians: if it
        is tiny, the difference may be a little below 0.
        """
        table = self.frame.pivot(index="size_bytes", columns="how", values="median_us")
        table = table.reindex(columns=["recv_into", _WITHOUT_COPY]).set_axis(["receive_us", "call_us"], axis=1)
        table["copy_us"] = table["receive_us"] - table["call_us"]
        table["share"] = table["copy_us"] / table["receive_us"]
        table["copy_gb_per_s"] = table.index / 1000 / table["copy_us"].where(table["copy_us"] > 0)
        return table

    @property
    def slopes(self) -> "pd.Series[float]":
        """The nanoseconds that each further KiB costs, by `how`, from the least to the largest size in 4 KiB to 1 MiB.

        NaN if fewer than two sizes in that range were measured, or the largest is less than 16 times the least.
        """
        import pandas as pd

        inside = self.frame[self.frame["median_us"].notna() & self.frame["size_bytes"].between(*SPAN_BYTES)]
        return pd.Series({how: _slope(inside[inside["how"] == how]) for how in self.frame["how"].unique()})

    @property
    def crossover_bytes(self) -> float:
        """The size above which the copy is more than half of a receive.

        It is interpolated between two measured sizes, over the logarithm of the size.
        NaN if the share was not measured, or no two measured sizes have shares around one half.
        """
        import numpy as np
        import pandas as pd

        share = self.by_size["share"].dropna()
        above = (share > _HALF)[::-1].cummin()[::-1]  # at all larger sizes, too, and not by chance at one
        if share.empty or above.iloc[0] or not above.iloc[-1]:
            return float("nan")
        around = pd.concat([share[~above].tail(1), share[above].head(1)])
        return float(np.exp(np.interp(_HALF, around.to_numpy(), np.log(around.index.to_numpy(float)))))

    def __str__(self) -> str:
        return "\n".join([self.machine, *self._parts(), *self._notes()])

    __repr__ = __str__

    def _parts(self) -> list[str]:
        """Lines for the smallest, the middle and the largest size."""
        measured = self.by_size.dropna(subset="share")
        places = sorted({0, len(measured) // 2, len(measured) - 1}) if len(measured) else []
        return [
            f"{size_name(row['size_bytes'])}: {row['receive_us']:.1f} µs, without the copy {row['call_us']:.1f}: "
            f"{max(row['share'], 0):.0%} is the copy"
            for row in measured.iloc[places].reset_index().to_dict("records")
        ]

    def _notes(self) -> list[str]:
        lines = []
        if self.crossover_bytes == self.crossover_bytes:  # not nan
            lines.append(f"from {size_name(self.crossover_bytes)} on the copy outweighs the call")
        for (how, reason), rows in self.frame[self.frame["reason"] != ""].groupby(["how", "reason"], sort=False):
            lines.append(f"{how}, {', '.join(map(size_name, rows['size_bytes']))}: not measured: {reason}")
        return lines

    def _repr_html_(self) -> str:
        """The sizes as a table, and under it the other lines of the text."""
        import html

        rest = "".join(f"<div>{html.escape(line)}</div>" for line in [self.machine, *self._notes()])
        return self.by_size.round(3).to_html() + rest


def _slope(rows: "pd.DataFrame") -> float:
    """Nanoseconds for each further KiB, from the smallest of these sizes to the largest."""
    if rows.empty or rows["size_bytes"].max() < _LEAST_SPAN * rows["size_bytes"].min():
        return float("nan")
    sizes, us = (rows.sort_values("size_bytes")[column].to_numpy(float) for column in ("size_bytes", "median_us"))
    return float((us[-1] - us[0]) * 1000 / ((sizes[-1] - sizes[0]) / 1024))


def summarize(sizes: Sequence[int], seen: Sequence[CopySamples], missing: Mapping[str, str]) -> CopyCost:
    """Make a result of what the processes measured. missing: by way, why it was not tried; empty if it was."""
    import numpy as np
    import pandas as pd

    names = dict.fromkeys([*(how for how, _ in seen[0].reasons), *(how for how, why in missing.items() if why)])
    order = [how for how in WAYS if how in names] + [how for how in names if how not in WAYS]
    keys = [(how, size) for how in order for size in sizes]
    none: Sequence[int] = ()
    pooled = {key: np.concatenate([np.array(s.samples.get(key, none), dtype=np.int64) for s in seen]) for key in keys}
    rows = [_row(key, pooled[key], _reason(key, seen, missing), seen) for key in keys]
    frame = pd.DataFrame(rows)
    machine = describe()
    frame.attrs["machine"] = machine
    return CopyCost(frame, machine, {key: samples for key, samples in pooled.items() if len(samples)})


def _reason(key: Key, seen: Sequence[CopySamples], missing: Mapping[str, str]) -> str:
    said = (part.reasons.get(key, "") for part in seen)
    return missing.get(key[0], "") or next(filter(None, said), "no call moved all bytes")


def _row(key: Key, samples: "Nanoseconds", reason: str, seen: Sequence[CopySamples]) -> dict[str, Any]:
    import numpy as np

    how, size = key
    found = np.percentile(samples, [50, 25, 75, 0]) / 1000 if len(samples) else np.full(4, np.nan)
    return {
        "side": WAYS[how].side if how in WAYS else "receive",
        "how": how,
        "size_bytes": size,
        **dict(zip(("median_us", "p25_us", "p75_us", "min_us"), found.tolist(), strict=True)),
        "samples": len(samples),
        "short": sum(part.short.get(key, 0) for part in seen),
        "reason": "" if len(samples) else reason,
    }
