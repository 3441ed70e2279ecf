"""What the copies of one `iomux.copy_cost` took, as a value that shows itself well.

The line through the medians is fitted by weighted least squares, each squared error divided by the time
itself: what adds up from many small steps, as a copy does from its cache lines, has a variance in proportion
to its mean. Unweighted, the largest size alone would decide, and the intercept, some 1 µs beside 80, would be
its noise. R² is the ordinary one, on the medians as they are; where time hardly depends on size, as under
MSG_TRUNC, it says nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iomux.harness.copy_rounds import Key, Seen
from iomux.harness.copy_ways import WAYS
from iomux.harness.machine import describe

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from iomux.harness.result import Nanoseconds

    Floats = npt.NDArray[np.float64]

FITTED_BYTES = (4 * 1024, 1024 * 1024)
"""The sizes through which the line is laid: from where the copy shows to where caches no longer hold it."""
_FEWEST = 3  # points for a line: two always lie on one
_SPAN = 16  # times the smallest has to go into the largest: over a narrow range the slope is the noise's
_NEAR_BYTES = 16 * 1024  # the smallest must be no larger: from afar the intercept is the noise's


@dataclass(frozen=True, eq=False)
class CopyCost:
    """What receiving, sending and copying took, by way and size. Units are in the names."""

    frame: "pd.DataFrame"
    """A row for each way and size: `side` ("receive", "send", "memory"), `how`, `size_bytes`, `median_us`, `p25_us`,
    `p75_us`, `min_us`, `samples`, `short` (calls that moved less than all bytes and are no samples), and `reason`:
    empty, or why there is no figure."""
    fits: "pd.DataFrame"
    """By `how`: `call_us` (intercept), `ns_per_kib` (slope), `gb_per_s` (10⁹ bytes), `r_squared`, and the smallest and
    largest size fitted, `from_bytes` and `to_bytes`; missing where the sizes that were measured make no line: fewer
    than three, none up to 16 KiB, or the largest less than 16 times the smallest. A call or a KiB that costs less
    than can be told may come out at or below 0."""
    machine: str
    samples: "dict[Key, Nanoseconds]" = field(repr=False)
    """Raw samples by (how, size_bytes), in the order in which they were taken."""

    @property
    def crossover_bytes(self) -> float:
        """The size from which on the copy outweighs the call: intercept by slope of `recv_into`.

        NaN where there is no line, or one of the two can't be told from nothing.
        """
        call_us, slope = (float(self.fits[column]["recv_into"]) for column in ("call_us", "ns_per_kib"))
        return call_us * 1000 / slope * 1024 if call_us > 0 and slope > 0 else float("nan")

    def __str__(self) -> str:
        return "\n".join([self.machine, *self._fitted(), *self._notes()])

    __repr__ = __str__

    def _fitted(self) -> list[str]:
        lines = []
        for how, fit in self.fits.dropna(subset="call_us").iterrows():
            reach = f"{size_name(fit['from_bytes'])} to {size_name(fit['to_bytes'])}"
            call = f"{fit['call_us']:.1f} µs a call" if fit["call_us"] > 0 else _no_cost("the call")
            kib = f"{fit['ns_per_kib']:.1f} ns a KiB" if fit["ns_per_kib"] > 0 else _no_cost("a KiB")
            lines.append(f"{how}: {call}, {kib} ({reach})")
        return lines

    def _notes(self) -> list[str]:
        lines = []
        if self.crossover_bytes == self.crossover_bytes:  # not nan
            lines.append(f"from {size_name(self.crossover_bytes)} on the copy outweighs the call")
        for (how, reason), rows in self.frame[self.frame["reason"] != ""].groupby(["how", "reason"], sort=False):
            lines.append(f"{how}, {', '.join(map(size_name, rows['size_bytes']))}: not measured: {reason}")
        return lines

    def _repr_html_(self) -> str:
        """The fits as a table, and under it what the text says beside them."""
        import html

        rest = "".join(f"<div>{html.escape(line)}</div>" for line in [self.machine, *self._notes()])
        return self.fits.round(3).to_html() + rest


def _no_cost(what: str) -> str:
    return f"no cost of {what} that can be told"


def size_name(size: float) -> str:
    """A size as people write it: 64 B, 12 KiB, 1 MiB."""
    for unit, factor in (("MiB", 1024**2), ("KiB", 1024)):
        if size >= factor:
            count = size / factor
            return f"{count:.0f} {unit}" if count >= 10 else f"{count:.2g} {unit}"
    return f"{size:.0f} B"


def summarize(sizes: Sequence[int], seen: Sequence[Seen], missing: Mapping[str, str]) -> CopyCost:
    """Make a result of what the processes saw. missing: by the ways that were not tried, why; empty for the others."""
    import numpy as np
    import pandas as pd

    hows = dict.fromkeys([*(how for how, _ in seen[0].reasons), *(how for how, why in missing.items() if why)])
    order = [how for how in WAYS if how in hows] + [how for how in hows if how not in WAYS]
    keys = [(how, size) for how in order for size in sizes]
    none: Sequence[int] = ()
    pooled = {key: np.concatenate([np.array(s.samples.get(key, none), dtype=np.int64) for s in seen]) for key in keys}
    rows = [_row(key, pooled[key], _reason(key, seen, missing), seen) for key in keys]
    frame = pd.DataFrame(rows)
    machine = describe()
    frame.attrs["machine"] = machine
    return CopyCost(frame, fits(frame), machine, {key: samples for key, samples in pooled.items() if len(samples)})


def _reason(key: Key, seen: Sequence[Seen], missing: Mapping[str, str]) -> str:
    said = (part.reasons.get(key, "") for part in seen)
    return missing.get(key[0], "") or next(filter(None, said), "no call moved all bytes")


def _row(key: Key, samples: "Nanoseconds", reason: str, seen: Sequence[Seen]) -> dict[str, Any]:
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


def fits(frame: "pd.DataFrame") -> "pd.DataFrame":
    """A line for each way through its medians within `FITTED_BYTES`: the table that is `CopyCost.fits`."""
    import pandas as pd

    measured = frame[frame["median_us"].notna() & frame["size_bytes"].between(*FITTED_BYTES)]
    lines = {}
    for how in frame["how"].unique():
        rows = measured[measured["how"] == how]
        kib, times = rows["size_bytes"].to_numpy(dtype=float) / 1024, rows["median_us"].to_numpy(dtype=float)
        lines[how] = _line(kib, times) if _make_a_line(rows["size_bytes"].tolist()) else {}
    columns = ["call_us", "ns_per_kib", "gb_per_s", "r_squared", "from_bytes", "to_bytes"]
    table = pd.DataFrame.from_dict(lines, orient="index", columns=columns).rename_axis("how")
    return table.astype(float).astype({"from_bytes": "Int64", "to_bytes": "Int64"})


def _make_a_line(sizes: Sequence[int]) -> bool:
    return len(sizes) >= _FEWEST and min(sizes) <= _NEAR_BYTES and max(sizes) >= _SPAN * min(sizes)


def _line(
    kib: "np.ndarray[Any, np.dtype[np.float64]]", times: "np.ndarray[Any, np.dtype[np.float64]]"
) -> dict[str, float]:
    import numpy as np

    slope, call_us = np.polyfit(kib, times, 1, w=times**-0.5)  # polyfit squares the weights
    spread = float(((times - times.mean()) ** 2).sum())
    missed = float(((times - call_us - slope * kib) ** 2).sum())
    return {
        "call_us": float(call_us),
        "ns_per_kib": float(slope) * 1000,
        "gb_per_s": 1.024 / float(slope) if slope > 0 else float("nan"),
        "r_squared": 1 - missed / spread if spread else float("nan"),
        "from_bytes": kib.min() * 1024,
        "to_bytes": kib.max() * 1024,
    }
