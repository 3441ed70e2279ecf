"""From the outcome of an item to its result in a report: how the server ended, and what excuses it.

That is its I/O model, or a rule of its own that a chat room has. To see those it is started once more, for a second.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace

from iomux import servers
from iomux.conformance.chat.manners import Manners, find_manners
from iomux.conformance.repair import INTERRUPTED, NOT_STARTED
from iomux.conformance.report import Report
from iomux.conformance.result import Result
from iomux.conformance.targets import Running, Target, target_of
from iomux.conformance.trial.ending import error_in
from iomux.conformance.trial.items import Item
from iomux.conformance.trial.outcome import INTERRUPTED_BY_A_STOP, Outcome
from iomux.conformance.trial.subject import Fault, NotSeen, NotSeenHere, NotStarted
from iomux.processes.logs import too_much
from iomux.processes.server import LAST_WORDS_SECONDS
from iomux.processes.worker import run_in_worker

DID_NOT_START = (
    "The server did not start, or ended before it accepted a client: nothing has been served yet. Begin with the "
    'cause under "seen", not with the echo.'
)
"""The hint for a server of which nothing can be tried."""
ADDRESS_IN_USE = (
    "The connections of a server that has ended keep its port for a minute (TIME_WAIT): bind then fails with "
    "EADDRINUSE, unless the socket has SO_REUSEADDR (socket(7)), set before bind."
)
"""The hint for a server that could not be started again on its port."""
_INTERRUPTED = (
    "A signal came while the server waited in that call: SIGCHLD, say, as a child ended. EINTR tells nothing of the "
    "listener or of a client: call it again, or let the kernel do so (SA_RESTART, sigaction(2); signal(7))."
)
"""The hint for a server that took an interrupted call for an error, whatever its clients did meanwhile."""
_CAUSES = {DID_NOT_START: NOT_STARTED, _INTERRUPTED: INTERRUPTED, INTERRUPTED_BY_A_STOP: INTERRUPTED}
_SAYS_INTERRUPTED = ("Interrupted system call", "EINTR")
_MANNERS_SECONDS = 30.0


def as_outcome(attempt: Callable[[], Outcome]) -> Outcome:
    """The outcome of an attempt, also where it was not so much as begun."""
    try:
        return attempt()
    except NotStarted as fault:
        return Outcome("failed", fault.seen, fault.detail, DID_NOT_START)
    except NotSeen as reason:
        return Outcome("not seen", str(reason), by_machine=isinstance(reason, NotSeenHere))
    except Fault as fault:
        return Outcome("failed", fault.seen, fault.detail, fault.hint)


def with_cause(outcome: Outcome, item: Item, running: Running, at_first: str) -> Outcome:
    """Report how the server of a failed item ended, or what error it has printed.

    An item that has passed stays so, even if the server ended as its clients hung up: that end belongs to the items
    about clients that leave, which look for it. And so it is if it failed before that. A server that has printed an
    error may be about to end, a traceback comes before the end: so what it printed is looked at first.
    at_first: what it had printed before its first client.
    """
    if item.name == "ctrl-c" or outcome.status != "failed":
        return outcome
    lived, error = outcome.server_lived_on, error_in(running.log())
    cause = running.ended(0.0 if lived and not error else LAST_WORDS_SECONDS)
    if not lived:  # it may have printed it meanwhile
        error = error_in(running.log())
    detail = {**outcome.detail, "log": running.log()}
    if cause and lived:
        return replace(outcome, detail={**detail, "afterwards": cause})
    if cause:
        interrupted = any(words in cause for words in _SAYS_INTERRUPTED)
        hint = _INTERRUPTED if interrupted else ""  # what was concluded from the silence of one that lived is void
        return replace(outcome, seen=cause, hint=hint, detail={**detail, "client_saw": outcome.seen})
    if also := too_much(running.written_bytes()):
        return replace(outcome, seen=f"{outcome.seen}.{also}", detail=detail)
    if error:
        old = "" if error_in(running.log().removeprefix(at_first)) else ", from before its first client"
        return replace(outcome, seen=f"{outcome.seen}; an error in the server's output{old}: {error}", detail=detail)
    return outcome


def result_of(item: Item, target: Target, outcome: Outcome) -> Result:
    """The outcome of an item as a report shows it."""
    return Result(
        name=item.name,
        status=outcome.status,
        points=item.points,
        rule=item.rule,
        sent=item.sent,
        seen=outcome.seen,
        hint=outcome.hint or item.hint,
        man=item.man,
        exempt=exempt_from(item, target) if outcome.status == "failed" and not outcome.hint else "",
        detail=outcome.detail,
        by_machine=outcome.by_machine,
        cause=_CAUSES.get(outcome.hint, ""),
        stage=item.stage,
        run=item.run,
    )


def exempt_from(item: Item, target: Target) -> str:
    """Why a server of this I/O model can't pass; empty if it could, or if its model is not known."""
    return next((item.exempt[model] for model in target.models if model in item.exempt), "")


def manners_of(target: Target) -> Manners:
    """The manners of a room that is started for this only; none if they can't be seen: then the items say why."""
    with contextlib.suppress(Fault, NotSeen, RuntimeError), target.run() as running:
        found: Manners = run_in_worker(
            find_manners, running.subject, core=None, seconds=_MANNERS_SECONDS, what="the search for a room's manners"
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
