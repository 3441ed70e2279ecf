"""`iomux.check` and `iomux.check_chat`: test a server item by item, and report.

Each item starts the server afresh and runs its clients in a separate process with a hard time limit. So whatever a
student's server does (loops for ever, exits, forks, prints, closes its listener) is seen and reported. Cost: some 15 s
for a correct server, a minute for one that is silent.
"""

from collections.abc import Iterable, Mapping
from types import ModuleType

from iomux import servers
from iomux.conformance.chat import delivery, slow
from iomux.conformance.chat.room import CHAT_ITEMS
from iomux.conformance.echo import (
    half_close,
    held_still,
    integrity,
    isolation,
    limits,
    order,
    prompt,
    remains,
    resources,
    sharing,
    silence,
    stale,
)
from iomux.conformance.report import Report, Result
from iomux.conformance.targets import Running, Target, target_of
from iomux.conformance.trial.items import ITEMS, Item
from iomux.conformance.trial.outcome import Outcome, try_item
from iomux.conformance.trial.subject import Fault, NotStarted, Subject
from iomux.processes.interrupts import report_progress_on_interrupt
from iomux.processes.logs import too_much
from iomux.processes.server import LAST_WORDS_SECONDS
from iomux.processes.worker import TookTooLong, run_in_worker

LIMIT_SECONDS = 60.0
"""How long one item may take; only a server that answers now and then comes near it."""
_ECHO_FAMILIES = (
    integrity,
    order,
    half_close,
    isolation,
    prompt,
    silence,
    held_still,
    stale,
    sharing,
    resources,
    remains,
    limits,
)
"""In the order of a report."""
_NOT_STARTED = (
    "The server did not start, or ended before it accepted a client: nothing has been served yet. Begin with the "
    'cause under "seen", not with the echo.'
)


def _in_order(items: Mapping[str, Item], modules: tuple[ModuleType, ...]) -> dict[str, Item]:
    """The items of these modules, module by module, independent of the order of imports."""
    return {name: item for file in modules for name, item in items.items() if item.trial.__module__ == file.__name__}


_ECHO_ITEMS = _in_order(ITEMS, _ECHO_FAMILIES)
NAMES = tuple(_ECHO_ITEMS)
"""The items, in the order in which they are tried."""


def check(target: str | servers.Serve, only: str | Iterable[str] | None = None, progress: bool = True) -> Report:
    """Test whether a server does all that a correct echo server does, and report item by item.

    target: a registered name (`iomux.names()`); a function `serve(listener, handler=...)`, also one defined in a
    notebook's cell; `file.py:function`; a command line with `{port}` in it that starts a server in any language; or
    `host:port` of a server that runs already on this machine. only: the name of an item, or several (`NAMES`).
    progress: show a bar with the item being tried.

    An item that can't be tried on a target is "not seen", never passed. The report's text has no timings. Raises
    LookupError for an unknown server or item, TypeError and ValueError for an invalid target, or an address where
    nothing listens, and ValueError if `only` is empty.

    Example:
    >>> report = iomux.check("poll", only=["echoes", "sizes"], progress=False)
    >>> report.passed, report.earned == report.points
    (True, True)
    """
    return try_all(_ECHO_ITEMS, "echo", target, only, progress)


def try_all(
    items: Mapping[str, Item],
    minimum: str,
    target: str | servers.Serve,
    only: str | Iterable[str] | None,
    progress: bool,
) -> Report:
    """Try `items`, or `only` some; minimum: what the first item tests, in words: if it fails, no other is tried."""
    chosen, first = _chosen(items, only), next(iter(items))
    untried = Outcome("not seen", f"a server that does not {minimum} can't be tested further: see the item {first}")
    under_test = target_of(target)
    results: list[Result] = []
    from tqdm.auto import tqdm

    with (
        report_progress_on_interrupt(lambda: f"{len(results)} of {len(chosen)} items were tried"),
        tqdm(chosen, desc=f"check {under_test.name}", unit="item", leave=False, disable=not progress) as bar,
    ):
        go_on = True
        for item in bar:
            bar.set_postfix_str(item.name)
            outcome = _try_one(item, under_test) if go_on else untried
            go_on = go_on and not (item.name == first and outcome.status == "failed")
            results.append(_result(item, under_test, outcome))
    return Report(under_test.name, tuple(results))


def _chosen(items: Mapping[str, Item], only: str | Iterable[str] | None) -> list[Item]:
    names = tuple(items) if only is None else (only,) if isinstance(only, str) else tuple(only)
    if unknown := [name for name in names if name not in items]:
        raise LookupError(f"no item is called {unknown[0]!r}: choose from {', '.join(items)}")
    if not names:
        raise ValueError("no item was chosen: omit `only` to try all")
    return [item for item in items.values() if item.name in names]


def _try_one(item: Item, target: Target) -> Outcome:
    """Start the server, try the item, stop the server."""
    try:
        with target.run() as running:
            return _with_cause(_in_worker(item, running.subject), item, running)
    except NotStarted as fault:
        return Outcome("failed", fault.seen, fault.detail, _NOT_STARTED)
    except Fault as fault:
        return Outcome("failed", fault.seen, fault.detail)


def _in_worker(item: Item, subject: Subject) -> Outcome:
    try:
        return run_in_worker(try_item, item, subject, core=None, seconds=LIMIT_SECONDS, what=f"the item {item.name}")
    except TookTooLong:
        return Outcome("failed", "the clients had not finished after a minute")


def _with_cause(outcome: Outcome, item: Item, running: Running) -> Outcome:
    """Report how the server ended, if it did: it should not have, whatever the clients saw."""
    if item.name == "ctrl-c":
        return outcome
    cause = running.ended(LAST_WORDS_SECONDS if outcome.status == "failed" else 0.0)
    if not cause and outcome.status == "failed" and (also := too_much(running.written_bytes())):
        return Outcome("failed", f"{outcome.seen}.{also}", {**outcome.detail, "log": running.log()})
    if not cause:
        return outcome
    return Outcome("failed", cause, {**outcome.detail, "client_saw": outcome.seen, "log": running.log()})


def _result(item: Item, target: Target, outcome: Outcome) -> Result:
    exempt = next((item.exempt[model] for model in target.models if model in item.exempt), "")
    return Result(
        name=item.name,
        status=outcome.status,
        points=item.points,
        rule=item.rule,
        sent=item.sent,
        seen=outcome.seen,
        hint=outcome.hint or item.hint,
        man=item.man,
        exempt=exempt if outcome.status == "failed" and not outcome.hint else "",
        detail=outcome.detail,
    )


_CHAT_FAMILIES = (delivery, slow)  # in the order of a report


def check_chat(target: str | servers.Serve, only: str | Iterable[str] | None = None, progress: bool = True) -> Report:
    """Test whether a chat room does all that a correct one does, and report item by item.

    Arguments and report are those of `iomux.check`; the items are `iomux.conformance.chat.room.CHAT_ITEMS`. Raises
    LookupError for an unknown server or item, TypeError and ValueError for an invalid target, or an address where
    nothing listens, and ValueError if `only` is empty. Cost: some 7 s for a correct room.

    Example:
    >>> from iomux.course.coursework.chat import serve_chat
    >>> iomux.check_chat(serve_chat, only="passes-on", progress=False).passed
    True
    """
    return try_all(_in_order(CHAT_ITEMS, _CHAT_FAMILIES), "pass messages on", target, only, progress)
