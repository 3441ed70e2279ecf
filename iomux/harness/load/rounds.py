"""Rounds: what is compared takes turns within a round, so that whatever else the machine does falls on all alike."""

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def rotated(things: Iterable[T], number: int) -> list[T]:
    """The order of round `number`: another one begins in each, so that none always runs after the same neighbour."""
    order = list(things)
    begin = number % len(order)
    return order[begin:] + order[:begin]
