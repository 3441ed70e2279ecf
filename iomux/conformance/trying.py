"""Try the items of a check on a target, and make a report of their outcomes.

Each item has the server started afresh. If it fails the first, no other is tried: all would fail for that one cause.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from functools import partial

from iomux import servers
from iomux.conformance.evidenced import as_written, with_evidence
from iomux.conformance.repair import NOT_STARTED
from iomux.conformance.report import Report
from iomux.conformance.result import Result
from iomux.conformance.side_by_side import Clock, most_at_once, side_by_side, try_in_worker
from iomux.conformance.targets import Running, Target, target_of
from iomux.conformance.trial.ending import error_in
from iomux.conformance.trial.items import Item
from iomux.conformance.trial.outcome import Outcome
from iomux.conformance.trial.subject import Fault, NotSeen, NotStarted, busy
from iomux.processes.errors import ELSEWHERE
from iomux.processes.logs import too_much
from iomux.processes.server import LAST_WORDS_SECONDS
from iomux.system.progress import report_progress_on_interrupt, shown

_NOT_STARTED = (
    "The server did not start, or ended before it accepted a client: nothing has been served yet. Begin with the "
    'cause under "seen", not with the echo.'
)
_ADDRESS_IN_USE = (
    "The connections of a server that has ended keep its port for a minute (TIME_WAIT): bind then fails with "
    "EADDRINUSE, unless the socket has SO_REUSEADDR (socket(7)), set before bind."
)


def try_all(
    items: Mapping[str, Item],
    minimum: str,
    target: str | servers.Serve,
    only: str | Iterable[str] | None,
    progress: bool,
    seconds: float,
    port: int | None = None,
) -> Report:
    """Try `items`, or `only` some; minimum: what the first item tests, in words: if it fails, no other is tried."""
    chosen, first = _chosen(items, only), next(iter(items))
    if not seconds > 0:
        raise ValueError(f"seconds is {seconds!r}: give the time for a server that fails, as in seconds=60")
    untried = Outcome("not seen", f"a server that does not {minimum} can't be tested further: see the item {first}")
    under_test, clock, outcomes = target_of(target, port), Clock(seconds), dict[str, Outcome]()
    from tqdm.auto import tqdm

    title, hidden = f"check {under_test.name}", not shown(progress)
    with (
        ExitStack() as stack,
        report_progress_on_interrupt(lambda: f"{len(outcomes)} of {len(chosen)} items were tried"),
        tqdm(total=len(chosen), desc=title, unit="item", leave=False, disable=hidden) as bar,
    ):
        for item, outcome in stack.enter_context(closing(_outcomes(chosen, first, under_test, clock))):
            outcomes[item.name] = outcome
            bar.set_postfix_str(item.name)
            bar.update()
        bar.set_postfix_str("the shortest conversation that fails")
        results = [_result(item, under_test, outcomes.get(item.name, untried)) for item in chosen]
        steps = {name: outcome.steps for name, outcome in outcomes.items() if outcome.status == "failed"}
        told, built = with_evidence(results, steps, under_test, as_written(target), clock.ends, chat=minimum != "echo")
    seen = (note for outcome in outcomes.values() for note in outcome.notes)
    return Report(under_test.name, told, tuple(dict.fromkeys([*under_test.notes, *seen])), built)


def _outcomes(
    chosen: list[Item], first: str, target: Target, clock: Clock
) -> Generator[tuple[Item, Outcome], None, None]:
    """Each item's outcome as soon as it is there: the first item's alone, the others' side by side if it passed."""
    try_one, spins = partial(_try_one, target=target, clock=clock), False
    if chosen[0].name == first:
        outcome, spins = _try_first(chosen[0], target, clock)
        yield chosen[0], outcome
        if outcome.status == "failed":
            return
        chosen = chosen[1:]
    if target.serial:
        yield from side_by_side(chosen, try_one, clock, at_once=1)
    else:
        long_first = sorted(chosen, key=lambda item: not item.long)  # else in order: the first explain the others
        yield from side_by_side(long_first, try_one, clock, most_at_once(spins))


def _try_first(item: Item, target: Target, clock: Clock) -> tuple[Outcome, bool]:
    """Try the item that tells whether the rest can be tried, and whether the server never sleeps.

    Servers that spin take the cores from each other: fewer of them are tried side by side.
    """
    spins = False

    def afterwards(running: Running) -> None:
        nonlocal spins
        with suppress(NotSeen, Fault):
            spins = busy(running.subject)

    return _try_one(item, target, clock, afterwards), spins


def _chosen(items: Mapping[str, Item], only: str | Iterable[str] | None) -> list[Item]:
    names = tuple(items) if only is None else (only,) if isinstance(only, str) else tuple(only)
    if unknown := [name for name in names if name not in items]:
        raise LookupError(f"no item is called {unknown[0]!r}: choose from {', '.join(items)}")
    if not names:
        raise ValueError("no item was chosen: omit `only` to try all")
    return [item for item in items.values() if item.name in names]


def _try_one(
    item: Item, target: Target, clock: Clock, afterwards: Callable[[Running], None] = lambda _: None
) -> Outcome:
    """Start the server, try the item, stop the server. afterwards: called before it is stopped, if the item passed."""
    if clock.is_over():
        return Outcome("not seen", clock.why_not_seen())
    outcome = _tried(item, target, clock, afterwards)
    if outcome.status == "failed" and not _exempt(item, target):
        clock.failed()
    return outcome


def _tried(item: Item, target: Target, clock: Clock, afterwards: Callable[[Running], None]) -> Outcome:
    try:
        with target.run() as running:
            outcome = try_in_worker(item, running.subject, clock)
            if outcome.status == "passed":
                afterwards(running)
            outcome, port = _with_cause(outcome, item, running), running.subject.address[1]
            outcome = replace(outcome, notes=running.notes)
        if item.name == "ctrl-c" and outcome.status == "passed" and target.own_listener:
            return _started_again(target, port)
        return outcome
    except NotStarted as fault:
        return Outcome("failed", fault.seen, fault.detail, _NOT_STARTED)
    except NotSeen as reason:
        return Outcome("not seen", str(reason))
    except Fault as fault:
        return Outcome("failed", fault.seen, fault.detail, fault.hint)


def _started_again(target: Target, port: int) -> Outcome:
    """Start a server that makes its own listener on the port of one that has just been ended by Ctrl-C."""
    try:
        with target.run(port=port):
            return Outcome("passed")
    except NotStarted as fault:
        seen = f"it ended, and could not be started again on the same port: {fault.seen}"
        by_chance = ELSEWHERE in fault.seen  # it takes a free port each time: nothing keeps it from starting
        return Outcome("passed") if by_chance else Outcome("failed", seen, fault.detail, _ADDRESS_IN_USE)


def _with_cause(outcome: Outcome, item: Item, running: Running) -> Outcome:
    """Report how the server of a failed item ended, or what error it has printed.

    An item that has passed stays so, even if the server ended as its clients hung up: that end belongs to the items
    about clients that leave, which look for it. And so it is if it failed before that.
    """
    if item.name == "ctrl-c" or outcome.status != "failed":
        return outcome
    cause = running.ended(LAST_WORDS_SECONDS)
    detail = {**outcome.detail, "log": running.log()}
    if cause and outcome.server_lived_on:
        return replace(outcome, detail={**detail, "afterwards": cause})
    if cause:
        return replace(outcome, seen=cause, detail={**detail, "client_saw": outcome.seen})
    if also := too_much(running.written_bytes()):
        return replace(outcome, seen=f"{outcome.seen}.{also}", detail=detail)
    if error := error_in(running.log()):
        return replace(outcome, seen=f"{outcome.seen}; an error in the server's output: {error}", detail=detail)
    return outcome


def _result(item: Item, target: Target, outcome: Outcome) -> Result:
    return Result(
        name=item.name,
        status=outcome.status,
        points=item.points,
        rule=item.rule,
        sent=item.sent,
        seen=outcome.seen,
        hint=outcome.hint or item.hint,
        man=item.man,
        exempt=_exempt(item, target) if outcome.status == "failed" and not outcome.hint else "",
        detail=outcome.detail,
        by_machine=outcome.by_machine,
        cause=NOT_STARTED if outcome.hint == _NOT_STARTED else "",
    )


def _exempt(item: Item, target: Target) -> str:
    """Why a server of this I/O model can't pass; empty if it could, or if its model is not known."""
    return next((item.exempt[model] for model in target.models if model in item.exempt), "")
