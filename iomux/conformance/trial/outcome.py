"""What one item's clients found. In a file of its own, because it is all that their process has to import.

Twenty-one such processes are started for one check: whatever they import is paid for as often.
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
    """The cause, where it is not what the item's own hint speaks of."""


def try_item(item: Item, subject: Subject) -> Outcome:
    """In a process of its own: run one item's trial."""
    try:
        item.trial(subject)
    except Fault as fault:
        return Outcome("failed", fault.seen, fault.detail)
    except NotSeen as reason:
        return Outcome("not seen", str(reason))
    except OSError as error:  # any call of a client may be the one that finds out
        return Outcome("failed", f"a client could not go on: {error.strerror or type(error).__name__}")
    return Outcome("passed")
