"""`iomux.check`: try a server item by item, and report.

Each item gets a server of its own, and clients in a process of their own with a hard limit in time, so that whatever a
student's server does (loops for ever, exits, forks, prints, closes its listener) is seen and reported. Cost: some 15 s
for a correct server, a minute for one that is silent.
"""

from collections.abc import Iterable, Mapping
from types import ModuleType

from iomux import servers
from iomux.conformance.chat import heard as chat_heard
from iomux.conformance.chat import slow as chat_slow
from iomux.conformance.chat.room import CHAT_ITEMS
from iomux.conformance.echo import half_close, integrity, isolation, limits, resources
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
_PAGES = (integrity, half_close, isolation, resources, limits)  # in the order of a report
_NOT_STARTED = (
    "The server did not start, or ended before it accepted anybody: no client has been served yet. Begin with what is "
    'told under "seen", not with the echo.'
)


def _in_order(items: Mapping[str, Item], pages: tuple[ModuleType, ...]) -> dict[str, Item]:
    """The items of these files, file by file, in whatever order they were imported."""
    return {name: item for page in pages for name, item in items.items() if item.trial.__module__ == page.__name__}


_ECHO_ITEMS = _in_order(ITEMS, _PAGES)
NAMES = tuple(_ECHO_ITEMS)
"""The items, in the order in which they are tried."""


def check(target: str | servers.Serve, only: str | Iterable[str] | None = None, progress: bool = True) -> Report:
    """Try a server for all that a correct echo server does, and report item by item.

    target: a registered name (`iomux.names()`); a function `serve(listener, handler=...)`, one of a notebook's cell
    included; `file.py:function`; a command line with `{port}` in it that starts a server in any language; or
    `host:port` of one that runs already, on this machine. only: the name of an item, or several (`NAMES`). progress:
    whether a bar says which item is being tried.

    What can't be seen on a target is "not seen", never passed. The report's text has no timings. Raises LookupError
    for an unknown server or item, TypeError and ValueError for what is no target, or an address where nothing listens.
    """
    return try_all(_ECHO_ITEMS, "echo", target, only, progress)


def try_all(
    items: Mapping[str, Item],
    least: str,
    target: str | servers.Serve,
    only: str | Iterable[str] | None,
    progress: bool,
) -> Report:
    """Try a server for `items`, or `only` for some; least: what the first says that a server does, else no more is."""
    chosen, first = _chosen(items, only), next(iter(items))
    without = Outcome("not seen", f"nothing more can be seen of a server that does not {least}: see the item {first}")
    under_test = target_of(target)
    results: list[Result] = []
    from tqdm.auto import tqdm

    with (
        report_progress_on_interrupt(lambda: f"{len(results)} of {len(chosen)} items were tried"),
        tqdm(chosen, desc=f"check {under_test.name}", unit="item", leave=False, disable=not progress) as bar,
    ):
        worth_it = True
        for item in bar:
            bar.set_postfix_str(item.name)
            outcome = _tried(item, under_test) if worth_it else without
            worth_it = worth_it and not (item.name == first and outcome.status == "failed")
            results.append(_result(item, under_test, outcome))
    return Report(under_test.name, tuple(results))


def _chosen(items: Mapping[str, Item], only: str | Iterable[str] | None) -> list[Item]:
    names = tuple(items) if only is None else (only,) if isinstance(only, str) else tuple(only)
    if unknown := [name for name in names if name not in items]:
        raise LookupError(f"no item is called {unknown[0]!r}: choose of {', '.join(items)}")
    if not names:
        raise ValueError("no item was chosen: leave `only` out to try all")
    return [item for item in items.values() if item.name in names]


def _tried(item: Item, target: Target) -> Outcome:
    """Start the server, try the item, stop the server."""
    try:
        with target.run() as running:
            return _with_cause(_beside(item, running.subject), item, running)
    except NotStarted as fault:
        return Outcome("failed", fault.seen, fault.detail, _NOT_STARTED)
    except Fault as fault:
        return Outcome("failed", fault.seen, fault.detail)


def _beside(item: Item, subject: Subject) -> Outcome:
    try:
        return run_in_worker(try_item, item, subject, core=None, seconds=LIMIT_SECONDS, what=f"the item {item.name}")
    except TookTooLong:
        return Outcome("failed", "the clients were still not done after a minute")


def _with_cause(outcome: Outcome, item: Item, running: Running) -> Outcome:
    """If the server has ended, what it ended with; whatever the clients saw, it should not have."""
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
        asks=item.asks,
        sent=item.sent,
        seen=outcome.seen,
        hint=outcome.hint or item.hint,
        man=item.man,
        exempt=exempt if outcome.status == "failed" and not outcome.hint else "",
        detail=outcome.detail,
    )


_CHAT_PAGES = (chat_heard, chat_slow)  # in the order of a report


def check_chat(target: str | servers.Serve, only: str | Iterable[str] | None = None, progress: bool = True) -> Report:
    """Try a chat room for all that a correct one does, and report item by item.

    Arguments, report and errors are those of `iomux.check`; the items are `chat_room.CHAT_ITEMS`. Cost: some 7 s for a
    correct room.
    """
    return try_all(_in_order(CHAT_ITEMS, _CHAT_PAGES), "pass on what is said", target, only, progress)
