"""A recorded measurement of all the programs, for a machine that lacks some of their compilers and packages.

It was made on another machine or another day, and says so wherever it is shown: its frames' `.attrs["machine"]`, which
figures write below, begin with RECORDED. `python -m tests.loops.record` makes it. Cost: some milliseconds to read.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iomux.course.loops import is_epoll

if TYPE_CHECKING:
    import pandas as pd

_KINDS = {
    "epoll_wait": ("epoll_wait", "epoll_pwait", "epoll_pwait2"),
    "receive": ("read", "readv", "recvfrom", "recvmsg"),
    "send": ("write", "writev", "sendto", "sendmsg"),
    "epoll_ctl": ("epoll_ctl",),
}


@dataclass(frozen=True)
class Recorded:
    """What was measured of each server, by its short name.

    Example:
    >>> from iomux.course.loops.recorded import load_record
    >>> load_record("notebooks/recorded_loops.json").asleep["libevent"]
    {'do_epoll_wait': 1}
    """

    columns: dict[str, list[Any]]
    """The columns of the sweeps, one after the other (`iomux.sweep`)."""
    asleep: dict[str, dict[str, int]]
    """By server: the kernel functions in which its threads slept (`iomux.system.procfs.asleep_in`)."""
    calls: dict[str, dict[str, float]]
    """By server: system calls for each request, as strace(1) counted them; without those rarer than one in fifty."""
    versions: dict[str, str]
    """By server: the version of what it runs on."""
    machine: str
    recorded: str
    """When it was measured, and by which command."""

    def frame(self, active: int | None = None) -> "pd.DataFrame":
        """The rows of the runs with so many active clients, or of all runs, as `iomux.sweep` returns them."""
        import pandas as pd

        frame = pd.DataFrame(self.columns)
        frame = frame if active is None else frame[frame["active"] == active]
        where = f"RECORDED on {self.machine}, {self.recorded}; not measured here"
        frame.attrs.update(machine=where, active=active or "")
        return frame

    def waits(self) -> "pd.DataFrame":
        """A row for each server: its version, its threads, those of them asleep in epoll, and calls for each request.

        Calls of several names are summed: `epoll_wait` with `epoll_pwait`, `receive` of `read`, `recvfrom` and so on.
        """
        import pandas as pd

        rows = {
            name: {
                "version": self.versions.get(name, ""),
                "threads": sum(asleep.values()),
                "in epoll": sum(count for where, count in asleep.items() if is_epoll(where)),
            }
            | _summed(self.calls.get(name, {}))
            for name, asleep in self.asleep.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def save(self, path: str | Path) -> None:
        """Write it to a JSON file."""
        Path(path).write_text(json.dumps(asdict(self)) + "\n")


def load_record(path: str | Path) -> Recorded:
    """Read a record. Raises ValueError for a file that holds none.

    Example:
    >>> from iomux.course.loops.recorded import load_record
    >>> load_record("notebooks/recorded_loops.json").frame(active=1).attrs["machine"][:8]
    'RECORDED'
    """
    try:
        return Recorded(**json.loads(Path(path).read_text()))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no record of other people's loops: {error}") from error


def _summed(calls: Mapping[str, float]) -> dict[str, float]:
    kind_of = {name: kind for kind, names in _KINDS.items() for name in names}
    sums = dict.fromkeys([*_KINDS, "other"], 0.0)
    for name, count in calls.items():
        sums[kind_of.get(name, "other")] += count
    return {kind: round(count, 1) for kind, count in sums.items()}
