"""The items of each kind of check, in the order of its report; those of a web server and of a store have stages."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

from iomux.conformance.chat import delivery, leaving, let_go, slow
from iomux.conformance.chat import limits as chat_limits
from iomux.conformance.chat import visits as chat_visits
from iomux.conformance.chat.room import CHAT_ITEMS
from iomux.conformance.echo import (
    fairness,
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
    visits,
)
from iomux.conformance.trial.items import ITEMS, Item
from iomux.conformance.trial.subject import NotSeen, Subject
from iomux.conformance.wire import lost_packet, slow_link, vanished
from iomux.conformance.wire.hosts import WIRE_ITEMS
from iomux.system.limits import check_real

LONGEST_PROMISE_SECONDS = 120.0
"""How long a server may promise to hold a client whose host is gone, to be checked for it."""
_WITHOUT_A_WIRE = "only a wire can show this: ask for one, by wire=True (--wire)"
_ECHO = (
    integrity,
    order,
    half_close,
    isolation,
    fairness,
    prompt,
    silence,
    held_still,
    stale,
    sharing,
    resources,
    visits,
    remains,
    limits,
)
_CHAT = (delivery, slow, let_go, leaving, chat_visits, chat_limits)
_WIRE = (slow_link, lost_packet, vanished)


def _in_order(items: Mapping[str, Item], modules: tuple[ModuleType, ...]) -> dict[str, Item]:
    """The items of these modules, module by module, independent of the order of imports."""
    return {name: item for file in modules for name, item in items.items() if item.trial.__module__ == file.__name__}


ECHO = _in_order(ITEMS, _ECHO)
"""The items of an echo server that need no wire."""
CHAT = _in_order(CHAT_ITEMS, _CHAT)
"""The items of a chat room."""


def over_a_wire(wire: bool, lets_go_s: float | None) -> dict[str, Item]:
    """The items that only a wire shows; without one each says how to get it. Raises ValueError for a wrong promise."""
    if lets_go_s is not None:
        check_real(lets_go_s=lets_go_s)
        if not 0 < lets_go_s <= LONGEST_PROMISE_SECONDS:
            raise ValueError(f"lets_go_s is {lets_go_s}: choose a time up to {LONGEST_PROMISE_SECONDS:.0f} s")
        if not wire:
            raise ValueError("lets_go_s is a promise that only a wire can show: give wire=True, too")
    found = _in_order(WIRE_ITEMS, _WIRE)
    if not wire:
        return {name: replace(item, hosts=0, trial=_without_a_wire) for name, item in found.items()}
    trial: Any = vanished.vanished
    return found | {"vanished": replace(found["vanished"], trial=partial(trial, lets_go_s=lets_go_s))}


def _without_a_wire(_: Subject) -> None:
    raise NotSeen(_WITHOUT_A_WIRE)
