"""Gather the evidence of one failed item, in words that are the same in each run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from iomux.conformance.evidence.commands import command, tape
from iomux.conformance.evidence.conversation import Conversation
from iomux.conformance.evidence.shortest import ENDED, Start, shortest
from iomux.conformance.evidence.words import TOLD, recorded, steps
from iomux.conformance.trial.recording import MOST_KEPT, MOST_STEPS, Step
from iomux.conformance.trial.window import window

_HUNG_UP = "the server ended the connection"
"""Whether it was closed or reset depends on what was unread at that moment: tcp(7)."""
_MOST_SCRIPTS = 4


@dataclass(frozen=True)
class Evidence:
    """What a student can follow, and do again, of an item that failed; empty where it is not known.

    Example:
    >>> from iomux.conformance.evidence.gathering import Evidence
    >>> Evidence(steps=("a client connects", 'it sends "a"'), shortest=True).command
    ()
    """

    steps: tuple[str, ...] = ()
    """What was done: in the shortest conversation that still fails, or by the item's own clients."""
    shortest: bool = False
    """Whether the steps are the shortest conversation that still fails: it failed twice, on a fresh server."""
    window: tuple[str, ...] = ()
    """What is due and what came around the first byte that differs, with a caret under it."""
    command: tuple[str, ...] = ()
    """The lines of a command with the same conversation; PORT stands for the server's port."""
    tape: str = ""
    """A call of `iomux.tape` with the same clients."""


def shrunk(tried: Iterable[Conversation], seen: str, start: Start, target: str, until: float) -> Evidence | None:
    """The shortest conversation that fails like an item; None if none was found until that monotonic time.

    tried: the conversations, the shortest first. seen: what the item's clients saw. start: starts a fresh server.
    target: the server as it is written in a program; empty if it has no name there.
    """
    found = shortest(tried, start, until, seen)
    if found is None:
        return None
    conversation, failure = found.conversation, found.failure
    how = _HUNG_UP if "connection" in failure.how else failure.how
    told = not failure.came and len(failure.due) <= TOLD  # the steps say it already
    few = failure.due != failure.came and len(failure.due) < MOST_KEPT and not told
    return Evidence(
        steps=steps(conversation, failure),
        shortest=True,
        window=tuple(window(failure.due, failure.came, how)) if few else (),
        command=command(conversation, failure),
        tape=tape(target, conversation, failure) if target else "",
    )


def as_recorded(seen: str, done: Sequence[Step], detail: Mapping[str, object], sizes: bool = True) -> Evidence:
    """The item's own steps, if they can be told in a few lines, and its bytes, if those are the same in each run.

    seen: what the clients saw; if the server ended, how far they had got by then is left to chance. sizes: as for
    `recorded`.
    """
    told = recorded(done, sizes) if len(done) < MOST_STEPS and not seen.startswith(ENDED) else ()
    lines = detail.get("window")
    return Evidence(
        steps=told if len(told) <= _MOST_SCRIPTS else (),
        window=tuple(map(str, lines)) if isinstance(lines, list) and sizes and one_at_a_time(done) else (),
    )


def one_at_a_time(done: Sequence[Step]) -> bool:
    """Whether one client alone sent message by message, each answered before the next: then chance has no part."""
    if {step.client for step in done} != {1} or any(step.size >= MOST_KEPT for step in done):
        return False
    sends = [place for place, step in enumerate(done) if step.act == "send"]
    return all(later - earlier > 1 for earlier, later in pairwise(sends))
