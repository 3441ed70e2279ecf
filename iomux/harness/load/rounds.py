"""Interleaved rounds: the things compared take turns, so that other work of the machine affects all of them alike."""

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def rotated(things: Iterable[T], number: int) -> list[T]:
    """The order of round `number`: each round starts with another thing, so that each is first in turn."""
    order = list(things)
    begin = number % len(order)
    return order[begin:] + order[:begin]
