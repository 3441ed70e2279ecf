"""Count how often a loop calls its poller: a few times if it sleeps, thousands of times if it spins.

Processor time does not distinguish the two on a busy machine, where a spinning loop gets little of it too.
"""

from typing import Any

FEW = 20


class CountedPoller:
    """A poller that counts its `poll` calls."""

    def __init__(self, poller: Any) -> None:
        self.polls = 0
        self._poller = poller

    def poll(self, timeout: float | None, /) -> Any:
        """Count the call, and pass it on."""
        self.polls += 1
        return self._poller.poll(timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)
