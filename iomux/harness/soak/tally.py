"""The tally of a soak: plain counts of what the clients have done and seen so far, sent from process to process."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

MOST_KEPT = 20
"""How many failures are kept one by one; all are counted."""
MOST_FAILURES = 100
"""After this many failures a soak ends: more of them would add nothing."""


class Failure(NamedTuple):
    """What one client was owed and did not get."""

    client: int
    """Its number: with the same seed it does the same again."""
    leaving: str
    """How it was going to leave."""
    kind: str
    sent_bytes: int
    answered_bytes: int
    seen: str

    def __str__(self) -> str:
        how = f"client {self.client:,} (to {self.leaving})"
        return f"{how} sent {self.sent_bytes:,} bytes, read {self.answered_bytes:,} as due: {self.seen}"


class Usage(NamedTuple):
    """What the server's process holds."""

    descriptors: int
    rss_bytes: int


@dataclass
class Tally:
    """Counts since the soak began."""

    seconds: float = 0.0
    """How long the clients have run."""
    connections: int = 0
    at_once: int = 0
    """The most clients that were connected at once."""
    requests: int = 0
    """Messages that were answered completely."""
    sent_bytes: int = 0
    compared_bytes: int = 0
    """Bytes that were read, each compared with what was due."""
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    """The first failures."""
    failed: Counter[str] = field(default_factory=Counter)
    """The number of all failures, by kind."""
    descriptors_before: int | None = None
    """Of the server, when its first client had left. None if its process had ended."""
    after: Usage | None = None
    """What the server held when all clients had left."""
    rss_before_bytes: int | None = None
    """The server's memory when all clients of the warm-up had left."""
    done: bool = False

    def fail(self, failure: Failure) -> None:
        """Count a failure, and keep it if it is one of the first."""
        self.failed[failure.kind] += 1
        if len(self.failures) < MOST_KEPT:
            self.failures.append(failure)

    @property
    def enough(self) -> bool:
        """Whether there are so many failures that more would add nothing."""
        return self.failed.total() >= MOST_FAILURES
