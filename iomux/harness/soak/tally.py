"""What the clients of a soak have done and seen so far: plain counts, which the process beside sends to its owner."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

MOST_TOLD = 20
"""So many failures are told one by one; all are counted."""
MOST_FAILURES = 100
"""After so many a soak ends: more of them say no more."""


class Failure(NamedTuple):
    """What one client was owed and did not get."""

    client: int
    """Its number: with the same seed it does the same again."""
    leaving: str
    """How it was to leave."""
    kind: str
    sent_bytes: int
    answered_bytes: int
    seen: str

    def __str__(self) -> str:
        how = f"client {self.client:,} (to {self.leaving})"
        return f"{how} sent {self.sent_bytes:,} bytes, read {self.answered_bytes:,} as sent: {self.seen}"


class Usage(NamedTuple):
    """What the server's process holds."""

    descriptors: int
    rss_bytes: int


@dataclass
class Tally:
    """Counts since the soak began."""

    seconds: float = 0.0
    """How long clients have been at it."""
    connections: int = 0
    at_once: int = 0
    """The most clients that there were."""
    requests: int = 0
    """Messages that were answered completely."""
    sent_bytes: int = 0
    compared_bytes: int = 0
    """Bytes that were read, each compared with what was sent."""
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    """The first of them."""
    failed: Counter[str] = field(default_factory=Counter)
    """All of them, by kind."""
    descriptors_before: int | None = None
    """Of the server: when its first client had left. None where its process could not be asked."""
    after: Usage | None = None
    """When all clients had left."""
    rss_before_bytes: int | None = None
    """When all clients of the warm-up had left."""
    done: bool = False

    def fail(self, failure: Failure) -> None:
        """Count a failure, and keep it if it is one of the first."""
        self.failed[failure.kind] += 1
        if len(self.failures) < MOST_TOLD:
            self.failures.append(failure)

    @property
    def enough(self) -> bool:
        """Whether more failures would say no more."""
        return self.failed.total() >= MOST_FAILURES
