"""What to repair first: the failed item that explains others, from the basic to the special.

Items depend on one another: what loses bytes in any message loses them in a long one, too. Which of them explains which
is a fixed table, so its sentence says "probably"; a cause that the check has seen is said as such.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from iomux.conformance.result import Result

_BYTES = ("bulk", "lump", "slow-reader", "half-close", "flood")
_EXPLAINS: dict[str, tuple[str, ...]] = {
    "sizes": ("pieces", "together", "hundred", *_BYTES),
    "pieces": ("together", "hundred", *_BYTES),
    "together": ("hundred", *_BYTES),
    "bulk": ("slow-reader", "half-close", "flood", "mid-reset"),
    "end": ("half-close", "leaving", "leaks"),
    "hundred": ("idle", "neighbours", "flood", "half-close"),
    "idle": ("neighbours", "flood"),
    "reset": ("mid-reset", "leaving", "leaks"),
    "mid-reset": ("leaving", "leaks"),
    "neighbours": ("flood", "back-pressure"),
    "silent": ("leaving", "back-pressure", "urgent", "half-close"),
    "descriptor-limit": ("past-1024",),
    "every-byte": ("in-order", "last-words", "let-go", "late-reader", "falls-behind"),
    "in-order": ("last-words", "let-go", "late-reader", "falls-behind"),
    "resets": ("mid-reset", "leaving", "leaks"),
    "every-cut": ("byte-by-byte",),
    "bad-count": ("no-dollar", "bad-length", "unbalanced"),
}
"""For an item the later ones that fail for the same reason, as a rule."""
NOT_STARTED = "not started"
"""The cause of results of a server that did not start."""
INTERRUPTED = "interrupted"
"""The cause of results of a server that ended of an interrupted call, in any item in which a child of it may end."""
_MADE_FOR = {INTERRUPTED: "children"}
_LEFT_IN_THE_BACKLOG = (
    "got nothing back: nothing more came",
    "a new client is not served",
    "they wait",
)
"""How what is seen of an item ends whose client may wait to be accepted."""
_ENDED = ("the server ended", "the server was", "the server's process is gone")


@dataclass(frozen=True)
class Group:
    """Failed items that one cause explains: the first to repair, and the others."""

    first: str
    others: tuple[str, ...]
    known: bool
    """Whether the cause has been seen, and is not only likely."""


def groups(results: Sequence[Result]) -> list[Group]:
    """The failed items that explain others, in the order of the report; each item is in one group at most."""
    failed = [result for result in results if result.status == "failed" and not result.exempt]
    left = {result.name: result for result in failed if result.cause != NOT_STARTED}  # there no item is to blame
    found = list[Group]()
    for same, known in ((_cause, True), (_end, False)):
        for key in dict.fromkeys(same(result) for result in left.values()):
            names = [name for name, result in left.items() if key and same(result) == key]
            made_for = [name for name in names if name == _MADE_FOR.get(key)]
            _take([*made_for, *(name for name in names if name not in made_for)], known, left, found)
    if "burst" in left and left["burst"].detail.get("in_the_backlog"):
        _take(["burst", *(name for name in left if name != "burst" and _waits(left[name]))], False, left, found)
    for first, others in _EXPLAINS.items():
        if first in left:
            _take([first, *(name for name in left if name in others)], False, left, found)
    found = [group if group.known else _with_what_follows(group, left) for group in found]
    order = [result.name for result in results]
    return sorted(found, key=lambda group: order.index(group.first))


def _take(names: list[str], known: bool, left: dict[str, Result], found: list[Group]) -> None:
    if len(names) > 1:
        found.append(Group(names[0], tuple(names[1:]), known))
        for name in names:
            del left[name]


def _with_what_follows(group: Group, left: dict[str, Result]) -> Group:
    """A group of items in which the server ended in the same way, and what its first one explains as a rule."""
    more = [name for name in left if name in _EXPLAINS.get(group.first, ())]
    for name in more:
        del left[name]
    return replace(group, others=(*group.others, *more))


def _cause(result: Result) -> str:
    return result.cause


def _end(result: Result) -> str:
    """How the server ended, if it did: items in which it ended in the same way."""
    return result.seen if result.seen.startswith(_ENDED) else ""


def _waits(result: Result) -> bool:
    return result.seen.endswith(_LEFT_IN_THE_BACKLOG)


def repair_first(results: Sequence[Result]) -> str:
    """One sentence: which failed item to repair first, and which others it explains; empty if it explains none."""
    if not (found := groups(results)):
        return ""
    group = found[0]
    rule = next(result.rule for result in results if result.name == group.first)
    explains = "it explains" if group.known else "it probably explains"
    return f"repair this first: {group.first} ({rule}): {explains} also {', '.join(group.others)}"
