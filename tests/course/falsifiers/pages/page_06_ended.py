"""Worlds for 06, epoll: what EPOLLRDHUP says of a client's end."""

from collections.abc import Callable

from tests.course.falsifiers.pages.page_06 import PAGE as PAGE
from tests.course.falsifiers.pages.page_06 import Found, world
from tests.course.falsifiers.world import World

ALIKE = "EPOLLIN reports a half-close as it reports bytes"
APART = "EPOLLRDHUP reports a half-close, and no bytes"
UNKNOWN = "a close is reported exactly as a half-close is"
ALL = {ALIKE, APART, UNKNOWN}
_OVER = {"IN": "IN", "RDHUP": "RDHUP", "IN | RDHUP": "IN RDHUP", "neither": ""}


def told(**other: dict[str, str]) -> Callable[[], Found]:
    """What epoll reports of the three clients, by the events that were asked for; `other` than it does."""
    speaks = {"IN": "IN", "RDHUP": "", "IN | RDHUP": "IN", "neither": ""}
    usual = {"speaks": speaks, "half-closes": _OVER, "closes": _OVER}
    changed = {name.replace("_", "-"): usual[name.replace("_", "-")] | more for name, more in other.items()}
    return lambda: {"here": True, "reports": usual | changed}


def but(name: str, no: str, **other: dict[str, str]) -> World:
    """A world in which one of the three verdicts turns."""
    return world(name, "ended-verdicts", [no], ALL - {no}, told(**other))


WORLDS = (
    world(
        "an end is no reason to read",
        "ended-verdicts",
        [ALIKE],
        [APART, UNKNOWN],
        told(half_closes={"IN": ""}, closes={"IN": ""}),
    ),
    world(
        "an end without its event",
        "ended-verdicts",
        [APART],
        [ALIKE, UNKNOWN],
        told(half_closes={"RDHUP": ""}, closes={"RDHUP": ""}),
    ),
    but("the event comes with bytes", APART, speaks={"RDHUP": "RDHUP"}),
    but("a close is a hang-up", UNKNOWN, closes={"IN": "IN HUP", "RDHUP": "RDHUP HUP", "neither": "HUP"}),
)
