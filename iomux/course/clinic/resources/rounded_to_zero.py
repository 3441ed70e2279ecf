"""The rest of a wait rounded down to 0: the loop spins until the moment has come.

Bug: a server has something to do ten times a second, and passes the milliseconds that are left as a whole number. The
last part of a millisecond becomes 0: the call returns at once, nothing is due yet, and it is made again.
Symptom: bursts of hundreds of calls that wait for nothing, each up to a millisecond long; a wait shorter than that is a
spin from its beginning. No client sees it. Published: python/asyncio issue 106; mio issue 1614 (50,000 calls a second).
Cure: round up.
"""

import math
import select
import socket
import time
from collections.abc import Callable
from typing import NoReturn

from iomux.course.clinic.limited import Limited, Ready, Wait
from iomux.course.clinic.loop import run
from iomux.servers.connection import Handler, echo

EVERY_SECONDS = 0.1


def left_ms(due: float) -> int:
    """How long the call may wait until `due` of time.monotonic()."""
    return int(1000 * max(0.0, due - time.monotonic()))


def cured_left_ms(due: float) -> int:
    """How long the call may wait until `due` of time.monotonic()."""
    return math.ceil(1000 * max(0.0, due - time.monotonic()))


def until_due(left_ms: Callable[[float], int]) -> Wait:
    """Wait until somebody is ready, or until the next tenth of a second."""
    due = time.monotonic() + EVERY_SECONDS

    def wait(poller: "select.poll") -> Ready:
        nonlocal due
        ready = poller.poll(left_ms(due))
        if time.monotonic() >= due:
            due = time.monotonic() + EVERY_SECONDS
        return ready

    return wait


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, poller=Limited(until_due(left_ms)))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, poller=Limited(until_due(cured_left_ms)))
