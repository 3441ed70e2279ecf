"""The outcome of one item, and the function that runs it: all that a process of clients has to import.

A check starts 21 such processes, so the cost of an import here counts 21 times.
"""

from dataclasses import dataclass, field
from typing import Literal

from iomux.conformance.trial.items import Item
from iomux.conformance.trial.subject import Fault, NotSeen, Subject

Status = Literal["passed", "failed", "not seen"]


@dataclass(frozen=True)
class Outcome:
    """What the clients of one item found."""

    status: Status
    seen: str = ""
    detail: dict[str, object] = field(default_factory=dict)
    hint: str = ""
    """The cause, if it is not the one that the item's own hint is about."""


def try_item(item: Item, subject: Subject) -> Outcome:
    """Run one item's trial; called in a separate process."""
    try:
        item.trial(subject)
    except Fault as fault:
        return Outcome("failed", fault.seen, fault.detail, fault.hint)
    except NotSeen as reason:
        return Outcome("not seen", str(reason))
    except OSError as error:  # any call of a client may fail when the server misbehaves
        return Outcome("failed", f"a client's call failed: {error.strerror or type(error).__name__}")
    return Outcome("passed")
