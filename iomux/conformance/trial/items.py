"""An item of a check: one rule for a server, how it is tried, and a hint for a student whose server breaks it.

The items of an echo server are functions in the modules of `echo`, one for each family; those of a chat room are in
`chat`. `check.py` has their order. Each takes a `Subject` and returns if the server kept the rule; else it raises
`Fault` with what was seen, or `NotSeen`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from iomux.conformance.trial.subject import Subject

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

ONE_AT_A_TIME = {"blocking": "a blocking server serves one client at a time: that is its model"}
NEVER_SLEEPS = {"nonblocking": "a nonblocking server never sleeps, it always asks every client: that is its model"}


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
