"""An item of a check: one rule for a server, how it is tried, and a hint for a student whose server breaks it.

The items of an echo server are functions in the modules of `echo`, one for each family; those of a chat room are in
`chat`. `check.py` has their order. Each takes a `Subject` and returns if the server kept the rule; else it raises
`Fault` with what was seen, or `NotSeen`. What is prepared for that stands in `warm_up`.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from iomux.conformance.trial.subject import PASSED, SHORT_HERE, Fault, NotSeen, Subject
from iomux.system.limits import did_you_mean

Trial = Callable[[Subject], None]


@dataclass(frozen=True)
class Item:
    """One thing that a correct server does."""

    name: str
    rule: str
    """What a correct server does, in one sentence."""
    sent: str
    """What the clients do to test it."""
    hint: str
    """For the student whose server fails: where to look for the cause, without the code of a solution."""
    man: str
    """Manual pages to read."""
    trial: Trial
    points: int = 4
    exempt: Mapping[str, str] = field(default_factory=dict)
    """Why a server can't pass, by its I/O model or its registered name."""
    long: bool = False
    """Whether it takes several seconds with any server: where items are tried side by side, it is begun first."""
    stage: str = ""
    """The heading under which a report has it, where a check goes in stages."""
    run: tuple[str, ...] = ()
    """The lines of a command that shows the same with a tool that everybody has; PORT stands for the server's port."""
    hosts: int = 0
    """How many hosts of a network it needs, the server's first; 0: it is tried on this machine's own loopback."""


ITEMS: dict[str, Item] = {}
"""Every item of an echo server by its name, in the order in which they are tried."""

_NOT_AT_FIRST = (
    "The item {} asks for the same, and passed. So what came before matters: what does your server count, keep or "
    "limit, over all clients, messages or bytes so far, and whom else does it touch when one client goes?"
)
ONE_AT_A_TIME = {"blocking": "a blocking server serves one client at a time: that is its model"}
NEVER_SLEEPS = {"nonblocking": "a nonblocking server never sleeps, it always asks every client: that is its model"}


def choose(items: Mapping[str, Item], only: str | Iterable[str] | None) -> list[Item]:
    """Those of these names, in their order; all without names. Raises LookupError, and ValueError if it is none."""
    names = tuple(items) if only is None else (only,) if isinstance(only, str) else tuple(only)
    if unknown := [name for name in names if name not in items]:
        near = did_you_mean(unknown[0], items)
        raise LookupError(f"no item is called {unknown[0]!r}: {near}choose from {', '.join(items)}")
    if not names:
        raise ValueError("no item was chosen: omit `only` to try all")
    return [item for item in items.values() if item.name in names]


def item(
    name: str,
    *,
    rule: str,
    sent: str,
    hint: str,
    man: str,
    points: int = 4,
    exempt: Mapping[str, str] | None = None,
    long: bool = False,
    stage: str = "",
    run: tuple[str, ...] = (),
    hosts: int = 0,
    into: dict[str, Item] = ITEMS,
) -> Callable[[Trial], Trial]:
    """Register a trial as an item; see `Item` for the arguments. into: the items of that kind of server."""

    def register(trial: Trial) -> Trial:
        into[name] = Item(name, rule, sent, hint, man, trial, points, exempt or {}, long, stage, run, hosts)
        return trial

    return register


@contextlib.contextmanager
def warm_up(item: str) -> Iterator[None]:
    """Prepare what is judged: what fails in here is another item's fault. Raises NotSeen, naming that item.

    If that one has passed, it is no other's: the item is tried once more, and then it fails here.
    """
    try:
        yield
    except Fault as fault:
        if item not in PASSED:
            raise NotSeen(f"{fault.seen}: see the item {item}", item) from None
        fault.hint = fault.hint or _NOT_AT_FIRST.format(item)
        raise
    except OSError as error:
        if error.errno in SHORT_HERE:
            raise
        why = f"a client's call failed: {error.strerror or type(error).__name__}"
        if item in PASSED:
            raise Fault(why, _NOT_AT_FIRST.format(item)) from None
        raise NotSeen(f"{why}: see the item {item}", item) from None


@contextlib.contextmanager
def under_pressure(item: str) -> Iterator[None]:
    """Prepare as `warm_up`, where a right server may fail that passes this item: it stays "not seen"."""
    try:
        with warm_up(item):
            yield
    except NotSeen as reason:
        reason.see = ""
        raise
    except Fault as fault:
        raise NotSeen(fault.seen) from None
