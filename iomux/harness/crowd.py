"""Very many connections at once: opened, held, one of them active, and the memory counted meanwhile.

A group of server processes behind one address and as many load generators, as many as it takes when a process may
open some 20,000 descriptors (`iomux.harness.room` says how many, and steps down to what the machine has). While they
are open, a thread here looks twice a second how many were accepted, and whose the memory is.

Cost: 10 KB of memory a connection, and some 50 µs of processor time to open one and 40 to close it, both ends.
"""

import math
import threading
import time
from dataclasses import dataclass, field

import iomux.harness.who_pays as who_pays
from iomux.harness.load.load import load
from iomux.harness.load.result import LoadResult
from iomux.harness.room import MEMORY_SHARE, Fit, room
from iomux.processes.group import Group, launch_group
from iomux.servers import get

_LOOK_S = 0.1
_MEMORY_LOOKS = 5  # of so many looks one reads the memory
_DEADLINE_S = 60.0
_FEWEST_TO_WEIGH = 10_000


@dataclass(frozen=True, eq=False)
class CrowdResult:
    """What was seen of many connections.

    Example:
    >>> from iomux.harness.crowd import crowd
    >>> found = crowd(200, duration=0.2, server="poll")
    >>> found.accepted, found.result.errors
    (200, {})
    """

    room: Fit
    """How many there were, and from how many processes."""
    accepted: int
    """How many the server's processes accepted, in sum."""
    open_s: float
    """Seconds until all were accepted, the start of the load generators included; NaN if some never were."""
    total_s: float
    """Seconds until all were closed again and all processes had ended."""
    alone: LoadResult
    """One connection, the only one, active."""
    result: LoadResult
    """One connection active among all."""
    bytes_each: float
    """By how much less memory was available, for each connection: kernel and processes, both ends.

    NaN for fewer than 10,000 connections: what else the machine does weighs more than they do."""
    shares: dict[str, float] = field(repr=False)
    """Bytes for each connection, by who has them (`iomux.harness.who_pays.grown`)."""
    opening: list[tuple[float, int]] = field(repr=False)
    """Seconds since the beginning, and how many were accepted by then."""

    def __str__(self) -> str:
        each = "" if math.isnan(self.bytes_each) else f", {self.bytes_each / 1000:.1f} KB each"
        lines = [
            f"{self.accepted:,} connections accepted in {self.open_s:.1f} s{each}",
            f"one active: median {self.result.p50_us:,.1f} µs among all, {self.alone.p50_us:,.1f} µs alone",
            f"all closed, and all processes gone, after {self.total_s:.1f} s",
        ]
        return "\n".join([self.room.words, *lines, *(f"in doubt: {doubt}" for doubt in self.result.doubts)])


def crowd(
    connections: int, duration: float = 1.0, server: str = "epoll", memory_share: float = MEMORY_SHARE
) -> CrowdResult:
    """Open many connections to a server in several processes, and load it by one of them; all are closed in the end.

    connections: as many as these, or as this machine has room for. duration: of the load, in seconds. server: the
    registered name of one that can hold many. memory_share: as for `iomux.harness.room.room`. Raises LookupError for a
    server that this machine lacks, ValueError for numbers that make no sense, ServerError if all of the server's
    processes end.

    Example:
    >>> from iomux.harness.crowd import crowd
    >>> found = crowd(100, duration=0.1, server="poll")
    >>> found.room.processes, found.accepted
    (1, 100)
    """
    get(server).load()
    fits = room(connections, memory_share)
    began = time.monotonic()
    with launch_group(server, None, None, None, fits.processes, "reuseport") as group:
        if group.accepted is None:
            raise ValueError(f"{server} accepts below Python, where nobody counts: choose 'epoll'")
        alone = load(group, 1, duration=duration)
        with _Watch(group) as watch:
            asked = {"active": 1, "duration": duration, "deadline": _DEADLINE_S, "processes": fits.processes}
            result = load(group, fits.connections, **asked)  # type: ignore[arg-type]
        accepted = watch.accepted()
    total_s = time.monotonic() - began
    done = next((at for at, count in watch.seen if count >= fits.connections), float("nan"))
    taken, shares = watch.each(fits.connections)
    return CrowdResult(fits, accepted, done, total_s, alone, result, taken, shares, watch.seen)


class _Watch:
    """A thread that looks at a group and at the machine's memory until it is left."""

    def __init__(self, group: Group) -> None:
        self.seen: list[tuple[float, int]] = []
        self._group, self._first = group, group.accepted or 0
        self._before = self._most = who_pays.memory()
        self._open = (0, 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def accepted(self) -> int:
        """How many clients were accepted since this watch was made."""
        return (self._group.accepted or 0) - self._first

    def each(self, connections: int) -> tuple[float, dict[str, float]]:
        """The bytes for each connection when most sockets were open, in all and by who has them."""
        taken = (self._before.available - self._most.available) / connections
        taken = taken if connections >= _FEWEST_TO_WEIGH else float("nan")
        return taken, who_pays.grown(self._before, self._most, connections)

    def __enter__(self) -> "_Watch":
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        looks = 0
        while not self._stop.wait(_LOOK_S):
            self.seen.append((time.monotonic() - self._began, self.accepted()))
            looks += 1
            if looks % _MEMORY_LOOKS == 0:
                self._weigh(self.seen[-1][1])

    def _weigh(self, accepted: int) -> None:
        """Keep what most of ours took: all were accepted, and not yet closed. Others' sockets come and go, too."""
        now = who_pays.memory()
        if (accepted, now.sockets) >= self._open:
            self._most, self._open = now, (accepted, now.sockets)
