"""Name in a report the rules of its own that a chat room has. Cost: one more start of the room, a second."""

import contextlib
from dataclasses import replace

from iomux import servers
from iomux.conformance.chat.manners import Manners, find_manners
from iomux.conformance.report import Report
from iomux.conformance.targets import Target, target_of
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


def with_manners(report: Report, target: str | servers.Serve, first: str) -> Report:
    """The report with a note for each rule of the room's own; what it fails by one that can't be tried is "not seen".

    first: the item without which no other is tried: a room that fails it is not started again.
    """
    if any(result.name == first and result.status == "failed" for result in report.results):
        return report
    manners = manners_of(target_of(target))
    results = report.results
    if why := manners.refusal():
        results = tuple(
            replace(result, status="not seen", seen=why) if result.status == "failed" else result for result in results
        )
    return replace(report, results=results, notes=(*report.notes, *manners.notes()))
