"""What else happened during a measurement: on the cores of server and generator, to their groups, and to their clocks.

It is read before and after, by the generator and outside the timed part, and becomes doubts in the owner's process
(`iomux.harness.load.doubts`). Cost: some 0.5 ms each time.
"""

import os
from typing import NamedTuple

from iomux.system.disturbance.readings import Between, Readings, between, only_core, read
from iomux.system.disturbance.stillness import Span, Stillness


class Meanwhile(NamedTuple):
    """What happened between the start of a measurement and its last reply."""

    machine: Between
    """Throttling is that of the generator, then of the server if its process is known."""
    generator_core: int | None
    """The core that it is pinned to; None if it is not."""
    server_core: int | None
    """Likewise; None also if its process is not known."""
    stood_still: list[Span]
    """When the generator did not run, in nanoseconds from the start of the measurement."""
    silent: Span | None
    """The longest time without a reply, likewise; None if it was short, or the generator's own."""


class Watch:
    """The readings before a measurement; `over` takes those after it."""

    def __init__(self, server_pid: int | None) -> None:
        self._pids = [os.getpid()] if server_pid is None else [os.getpid(), server_pid]
        self._pinned = [only_core(pid) for pid in self._pids]
        self._before = self._read()

    def over(self, still: Stillness, start: int) -> Meanwhile:
        """What happened since; still: what the generator noted; start: of the measurement, on the generator's clock."""
        machine, silent = between(self._before, self._read()), still.longest_silence()
        return Meanwhile(
            machine,
            self._pinned[0],
            self._pinned[1] if len(self._pinned) > 1 else None,
            [span.after(start) for span in still.ours],
            silent and silent.after(start),
        )

    def _read(self) -> Readings:
        return read(self._pids, [core for core in self._pinned if core is not None])
