"""Worlds for 09, asynchronous I/O: registered files, work that waits until it is asked for, sends without a copy."""

from functools import partial
from typing import Any

from iomux.system.io_uring_abi import SETUP_DEFER_TASKRUN
from tests.course.falsifiers.pages.page_09 import PAGE as PAGE
from tests.course.falsifiers.world import World

BY_NUMBER = "by its descriptor the new file is read, which has no bytes"
BY_PLACE = "by its place in the ring's list the registered file is read, as before"
EARLY = "on a usual ring the bytes come in while the program does something else"
ASKED = "with DEFER_TASKRUN they come in when the program asks, and not before"
TWICE = "a zero-copy send completes twice: when the bytes are taken, and when the memory is free"
TAKEN = "the first completion has the number of bytes"
COPIED = "over loopback the bytes were copied all the same, and the second completion says so"
ALL_SENT = {TWICE: True, TAKEN: True, COPIED: True}
_COPIED = -(1 << 31)


def files(number: int = 0, place: int = 1) -> dict[str, Any]:
    """How many bytes a read by the descriptor and one by the place in the list have returned."""
    return {"read": {"by its descriptor": number, "by its place": place}}


def rings(usual: tuple[int, int] = (1, 0), deferred: tuple[int, int] = (0, 1)) -> dict[str, Any]:
    """How many completions lay in memory meanwhile, and how many came when asked, on two rings."""
    kinds = {"usable": ["io_uring"], "available": lambda _: True}
    return kinds | {"seen": lambda setup=0: deferred if setup & SETUP_DEFER_TASKRUN else usual}


def sent(*completions: tuple[int, bool]) -> dict[str, Any]:
    """The results of the completions of one send, and whether each has a successor."""
    return {"done": [("sent", result, more) for result, more in completions]}


def of_files(name: str, answers: dict[str, bool], **other: int) -> World:
    return World(name, "files-verdicts", {BY_NUMBER: True, BY_PLACE: True} | answers, partial(files, **other))


def of_rings(name: str, answers: dict[str, bool], **other: tuple[int, int]) -> World:
    return World(name, "deferred-verdicts", {EARLY: True, ASKED: True} | answers, partial(rings, **other))


def of_a_send(name: str, answers: dict[str, bool], *completions: tuple[int, bool]) -> World:
    return World(name, "zero-verdicts", ALL_SENT | answers, partial(sent, *completions))


WORLDS = (
    of_files("a number stays with its file", {BY_NUMBER: False}, number=1),
    of_files("a place leads to a number", {BY_PLACE: False}, place=0),
    of_files("who closes takes it off the list", {BY_PLACE: False}, place=-9),
    of_rings("nothing comes in by itself", {EARLY: False}, usual=(0, 1)),
    of_rings("the mode is ignored", {ASKED: False}, deferred=(1, 0)),
    of_a_send("one completion for both", {TWICE: False}, (16 << 10, False), (_COPIED, False)),
    of_a_send("half of it is taken", {TAKEN: False}, (8 << 10, True), (_COPIED, False)),
    of_a_send("loopback lends the memory on", {COPIED: False}, (16 << 10, True), (0, False)),
)
