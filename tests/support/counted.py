"""How often a loop asks its poller: one that sleeps asks a few times, one that spins thousands of times.

On a machine whose cores are busy the processor time does not tell them apart: there who spins gets little of it, too.
"""

from typing import Any

FEW = 20


class CountedPoller:
    """A poller, and how often it was asked."""

    def __init__(self, poller: Any) -> None:
        self.polls = 0
        self._poller = poller

    def poll(self, timeout: float | None, /) -> Any:
        """As the poller's."""
        self.polls += 1
        return self._poller.poll(timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)
