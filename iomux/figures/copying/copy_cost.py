"""The figure of `iomux.copy_cost`: time against size, with the copy and without it; the gap is the cost of the copy.

A way of copying keeps its colour, marker and dash in every figure. The colours are from Paul Tol's muted palette
("Colour Schemes", 2021), because the servers use Okabe and Ito's.
"""

from typing import TYPE_CHECKING, Any, Literal

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from iomux.figures.look.style import GREY, LABEL, End, Style, log_ticks, name_ends, new_axes, plain, style, under
from iomux.system.units import size_name

if TYPE_CHECKING:
    from iomux.harness.copying.copy_result import CopyCost

LOOKS = {
    "recv_into": Style("#332288", ">", "-"),
    "recv_into MSG_TRUNC": Style("#CC6677", "d", "-."),
    "recv": Style("#88CCEE", "p", (0, (3, 1, 1, 1))),
    "memcpy": Style("#999933", "<", "--"),
    "send": Style("#117733", "H", "-"),
    "sendfile": Style("#AA4499", "8", (0, (4, 2))),
}
"""Colours and markers that no server has."""
_TITLES = {"receive": "The cost of a receive against its size", "send": "The cost of a send against its size"}
_MOST_TICKS = 10
_SAME = 1.15  # lines whose ends differ by less than this factor coincide


def copy_cost(cost: "CopyCost", ax: Axes | None = None, side: Literal["receive", "send"] = "receive") -> Axes:
    """Time against size, log-log: the median of each way with a band over its middle half, and a copy within memory.

    cost: from `iomux.copy_cost`. side: "receive", which also marks where the copy outweighs the call, or
    "send". Ways without a measurement are left out. Raises ValueError for another side.

    Example:
    >>> ax = iomux.plot.copy_cost(iomux.copy_cost([64, 4096], repeats=10, progress=False))
    >>> ax.get_ylabel()
    'time of a call, µs (log scale)'
    """
    if side not in _TITLES:
        raise ValueError(f"side is {side!r}: choose from {', '.join(_TITLES)}")
    ax = new_axes(ax)
    hows = list(cost.frame[cost.frame["side"].isin([side, "memory"])]["how"].unique())
    ends = [end for how in hows if (end := _line(ax, cost, how, hows))]
    ax.margins(x=0.1)
    ax.set_xscale("log")
    ax.set_yscale("log")
    _size_ticks(ax, sorted(cost.frame["size_bytes"].unique()))
    log_ticks(ax.yaxis)
    ax.set_xlabel("bytes per call (log scale)")
    ax.set_ylabel("time of a call, µs (log scale)")
    name_lines(ax, ends)
    if side == "receive":
        _crossover(ax, cost)
    note = f"median and middle half of {cost.frame['samples'].max():,} calls"
    return under(plain(ax, _TITLES[side]), f"{note}; {cost.machine}")


def _line(ax: Axes, cost: "CopyCost", how: str, hows: list[str]) -> End | None:
    """Draw one way; return where its line ends, with its name and colour."""
    rows = cost.frame[(cost.frame["how"] == how) & cost.frame["median_us"].notna()]
    if rows.empty:
        return None
    look = LOOKS.get(how) or style(how, hows)
    x = rows["size_bytes"].to_numpy(dtype=float)
    ax.fill_between(x, rows["p25_us"], rows["p75_us"], color=look.color, alpha=0.15, linewidth=0)
    ax.plot(x, rows["median_us"], color=look.color, marker=look.marker, linestyle=look.dash, linewidth=2, label=how)
    return float(x[-1]), float(rows["median_us"].iloc[-1]), how, look.color


def name_lines(ax: Axes, ends: list[End]) -> None:
    """Name the lines at their ends. Lines that end at one point share one row of names, or they would look apart."""
    leaders: list[End] = []
    coinciding: list[tuple[End, str]] = []
    for end in ends:
        same = [first[2] for first in leaders if first[0] == end[0] and 1 / _SAME < first[1] / end[1] < _SAME]
        if same:
            coinciding.append((end, same[0]))
        else:
            leaders.append(end)
    written = name_ends(ax, leaders)
    for (_, _, name, color), leader in coinciding:
        for words, ink in (("=", GREY), (name, color)):
            at: Any = {"xycoords": written[leader], "textcoords": "offset points", "va": "center", "fontsize": LABEL}
            written[leader] = ax.annotate(words, (1, 0.5), (4, 0), **at, color=ink, fontweight="bold")


def _crossover(ax: Axes, cost: "CopyCost") -> None:
    """Mark the size from which the copy outweighs the call, if it lies within the figure."""
    size = cost.crossover_bytes
    low, high = ax.get_xlim()
    if not low < size < high:
        return
    ax.axvline(size, color="#666666", linewidth=1, linestyle=":")
    ax.annotate(
        f"from {size_name(size)} on\nthe copy outweighs the call",
        (size, 0.97),
        (-6, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        color="#666666",
        ha="right",
        va="top",
    )


def _size_ticks(ax: Axes, sizes: list[int]) -> None:
    """Label the measured sizes in B, KiB and MiB, each label once; only every second or third if there are many."""
    sizes = list({size_name(size): size for size in reversed(sizes)}.values())[::-1]
    ax.xaxis.set_major_locator(FixedLocator(sizes[:: -(-len(sizes) // _MOST_TICKS)]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda size, _: size_name(size)))
