"""An item: one thing that a correct server does, how it is tried, and what to tell a student whose server does not.

The items of an echo server are functions in `bytes_kept`, `bytes_owed`, `clients_served`, `costs` and `limits`, in the
order of a report; those of a chat room in `chat_heard` and `chat_slow`.
Each gets a `Subject` and returns when all was well; it raises `Fault` with what was seen, or `NotSeen`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from iomux.conformance.trial.subject import Subject

Trial = Callable[[Subject], None]


@dataclass(frozen=True)
class Item:
    """One thing that a correct server does."""

    name: str
    asks: str
    """What a correct server does, in one sentence."""
    sent: str
    """What the clients do to see it."""
    hint: str
    """For the student whose server fails: the cause, not the code."""
    man: str
    """Where to read on."""
    trial: Trial
    points: int = 4
    exempt: Mapping[str, str] = field(default_factory=dict)
    """Why a server of an I/O model, or a registered one by its name, can't pass; by that name."""


ITEMS: dict[str, Item] = {}
"""Every item of an echo server by its name, in the order in which they are tried."""

ONE_AT_A_TIME = {"blocking": "a blocking server serves one client at a time: that is its model"}
ASKS_ALL_THE_TIME = {"nonblocking": "a nonblocking server asks all the time: that is its model"}


def item(
    name: str,
    *,
    asks: str,
    sent: str,
    hint: str,
    man: str,
    points: int = 4,
    exempt: Mapping[str, str] | None = None,
    into: dict[str, Item] = ITEMS,
) -> Callable[[Trial], Trial]:
    """Register a trial as an item; see `Item` for the words. into: the items of what kind of server."""

    def register(trial: Trial) -> Trial:
        into[name] = Item(name, asks, sent, hint, man, trial, points, exempt or {})
        return trial

    return register
