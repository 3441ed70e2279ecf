"""Find out the rules of its own that a chat room has, before its items are tried: one more start of the room."""

import contextlib

from iomux.conformance.chat.manners import Manners, find_manners
from iomux.conformance.targets import Target
from iomux.conformance.trial.subject import Fault, NotSeen
from iomux.processes.worker import run_in_worker

_MOST_SECONDS = 30.0


def manners_of(target: Target) -> Manners:
    """The manners of a room that is started for this only; none if they can't be seen: then the items say why."""
    with contextlib.suppress(Fault, NotSeen, RuntimeError), target.run() as running:
        found: Manners = run_in_worker(
            find_manners, running.subject, core=None, seconds=_MOST_SECONDS, what="the search for a room's manners"
        )
        return found
    return Manners()
