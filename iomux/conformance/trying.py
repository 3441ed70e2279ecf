"""Try the items of a check on a target, and make a report of their outcomes.

Each item has the server started afresh. If it fails the first, no other is tried: all would fail for that one cause.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from functools import partial

from iomux import servers
from iomux.conformance.evidenced import Gather, as_written
from iomux.conformance.judging import ADDRESS_IN_USE, as_outcome, exempt_from, result_of, with_cause
from iomux.conformance.report import Report
from iomux.conformance.side_by_side import (
    Attempt,
    Clock,
    most_at_once,
    sent_by_value,
    side_by_side,
    to_import,
    to_try_once_more,
    try_in_worker,
)
from iomux.conformance.targets import Running, Target, target_of
from iomux.conformance.trial.items import Item, choose
from iomux.conformance.trial.outcome import Outcome, tried, try_item
from iomux.conformance.trial.subject import Fault, NotSeen, NotSeenHere, NotStarted, busy
from iomux.processes.errors import ELSEWHERE
from iomux.processes.forking.forked import Fork, forks
from iomux.processes.worker import worker_reports
from iomux.system.listeners import peers
from iomux.system.progress import bars, report_progress_on_interrupt, shown

_RESTARTS = 3
_TO_THE_LAST = "main_to_the_last"  # else a server's workers are ended as soon as its first process has ended


def try_all(
    items: Mapping[str, Item],
    minimum: str,
    target: str | servers.Serve | Target,
    only: str | Iterable[str] | None,
    progress: bool,
    seconds: float,
    port: int | None = None,
    gather: Gather | None = None,
) -> Report:
    """Try `items`, or `only` some; minimum: what the first item tests, in words: if it fails, no other is tried.

    gather: adds the evidence to what failed; None: nobody wants any.
    """
    chosen, first = choose(items, only), next(iter(items))
    if not seconds > 0:
        raise ValueError(f"seconds is {seconds!r}: give the time for a server that fails, as in seconds=60")
    untried = Outcome("not seen", f"a server that does not {minimum} can't be tested further: see the item {first}")
    under_test = target if isinstance(target, Target) else target_of(target, port)
    clock, outcomes, hidden = Clock(seconds), dict[str, Outcome](), not shown(progress)
    with (
        ExitStack() as stack,
        report_progress_on_interrupt(lambda: f"{len(outcomes)} of {len(chosen)} items were tried"),
        bars()(total=len(chosen), desc=f"check {under_test.name}", unit="item", leave=False, disable=hidden) as bar,
    ):
        fork = stack.enter_context(forks(to_import(chosen)))
        for item, outcome in stack.enter_context(closing(_outcomes(chosen, first, under_test, clock, fork))):
            outcomes[item.name] = outcome
            bar.set_postfix_str(item.name)
            bar.update()
        for item, outcome in stack.enter_context(closing(_once_more(chosen, outcomes, under_test, clock, fork))):
            outcomes[item.name] = outcome
        results = [result_of(item, under_test, outcomes.get(item.name, untried)) for item in chosen]
        steps = {name: outcome.steps for name, outcome in outcomes.items() if outcome.status == "failed"}
        told, built = tuple(results), ""
        if gather:
            bar.set_postfix_str("what shows the failures")
            written = "" if isinstance(target, Target) else as_written(target)
            told, built = gather(results, steps, under_test, written, clock.ends)
    notes = [*under_test.notes, *(note for outcome in outcomes.values() for note in outcome.notes)]
    return Report(under_test.name, told, tuple(dict.fromkeys(notes)), built)


def _outcomes(
    chosen: list[Item], first: str, target: Target, clock: Clock, fork: Fork
) -> Generator[tuple[Item, Outcome], None, None]:
    """Each item's outcome as soon as it is there: the first item's alone, the others' side by side if it passed."""
    try_one, spins = partial(_try_one, target=target, clock=clock, fork=fork), False
    if chosen[0].name == first:
        outcome, spins = _try_first(chosen[0], target, clock, fork)
        yield chosen[0], outcome
        if outcome.status == "failed":
            return
        chosen = chosen[1:]
    if target.serial:
        yield from side_by_side(chosen, try_one, clock, at_once=1)
    else:
        long_first = sorted(chosen, key=lambda item: not item.long)  # else in order: the first explain the others
        yield from side_by_side(long_first, try_one, clock, most_at_once(spins))


def _once_more(
    chosen: list[Item], before: Mapping[str, Outcome], target: Target, clock: Clock, fork: Fork
) -> Generator[tuple[Item, Outcome], None, None]:
    """The outcomes of what is tried for the second time, see `warm_up`; side by side, as a wrong server has 25 s."""
    again, attempt = to_try_once_more(chosen, before)
    try_one = partial(_try_one, target=target, clock=clock, fork=fork, attempt=attempt)
    if not clock.is_over():
        yield from side_by_side(again, try_one, clock, 1 if target.serial else most_at_once(spins=True))


def _try_first(item: Item, target: Target, clock: Clock, fork: Fork) -> tuple[Outcome, bool]:
    """Try the item that tells whether the rest can be tried, and whether the server never sleeps.

    Servers that spin take the cores from each other: fewer of them are tried side by side.
    """
    spins = False

    def afterwards(running: Running) -> None:
        nonlocal spins
        with suppress(NotSeen, Fault):
            spins = busy(running.subject)

    return _try_one(item, target, clock, fork, afterwards), spins


def _try_one(
    item: Item,
    target: Target,
    clock: Clock,
    fork: Fork,
    afterwards: Callable[[Running], None] = lambda _: None,
    attempt: Attempt = try_item,
) -> Outcome:
    """Start the server, try the item, stop the server. afterwards: called before it is stopped, if the item passed."""
    if clock.is_over():
        return Outcome("not seen", clock.why_not_seen())
    if item.hosts:
        outcome = as_outcome(partial(_over_a_wire, item, target, clock))
    else:
        outcome = as_outcome(partial(_tried, item, target, clock, fork, afterwards, attempt))
    if outcome.status == "failed" and not exempt_from(item, target):
        clock.failed()
    return outcome


def _tried(
    item: Item, target: Target, clock: Clock, fork: Fork, afterwards: Callable[[Running], None], attempt: Attempt
) -> Outcome:
    with target.run(main=_TO_THE_LAST if item.name == "ctrl-c" else "main_bounded") as running:
        at_first, port = running.log(), running.subject.address[1]
        outcome = try_in_worker(item, running.subject, clock, fork, attempt)
        if passed := outcome.status == "passed":
            afterwards(running)
        outcome = replace(with_cause(outcome, item, running, at_first), notes=running.notes)
    if passed and item.name == "ctrl-c" and target.own_listener:
        return _started_again(item, target, port, clock, fork)
    return outcome


def _over_a_wire(item: Item, target: Target, clock: Clock) -> Outcome:
    """Try an item whose server runs in a host: network, server and clients all belong to a new process of its own."""
    with sent_by_value():
        return try_in_worker(item, target, clock, partial(worker_reports, core=None), try_in_network)


def try_in_network(item: Item, target: Target) -> Outcome:
    """Make a network, start the server in its first host, and try the item; in a process of its own."""
    return as_outcome(partial(_tried_in_network, item, target))


def _tried_in_network(item: Item, target: Target) -> Outcome:
    from iomux.networks.network import network  # not at the top: few checks have a wire

    try:
        hosts = network(item.hosts)
    except OSError as error:
        raise NotSeenHere(f"no network of hosts can be made here: {error}") from None
    with hosts, target.run(inside=hosts[0]) as running:
        at_first, subject = running.log(), replace(running.subject, hosts=hosts)
        return replace(with_cause(tried(item, subject), item, running, at_first), notes=running.notes)


def _started_again(item: Item, target: Target, port: int, clock: Clock, fork: Fork) -> Outcome:
    """Start a server that makes its own listener on the port of one that has just been ended by Ctrl-C.

    Only a port that a connection still keeps (TIME_WAIT) tells anything: the kernel may have dropped that for want of
    room (tcp_max_tw_buckets, tcp(7)). Then it is ended and started once more.
    """
    try:
        for _ in range(_RESTARTS):
            kept = peers(port)
            with target.run(port=port, main=_TO_THE_LAST) as running:
                if kept or (outcome := try_in_worker(item, running.subject, clock, fork)).status != "passed":
                    return Outcome("passed") if kept else outcome
        return Outcome("passed")
    except NotStarted as fault:
        seen = f"it ended, and could not be started again on the same port: {fault.seen}"
        by_chance = ELSEWHERE in fault.seen  # it takes a free port each time: nothing keeps it from starting
        return Outcome("passed") if by_chance else Outcome("failed", seen, fault.detail, ADDRESS_IN_USE)
