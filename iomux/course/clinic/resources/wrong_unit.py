"""A time limit in the wrong unit: seconds handed to poll, which counts in milliseconds.

Bug: the server wants to look around once a second, and passes 1.0 to the poll object. (The other way round, an epoll
object counts in seconds, and 1,000 of them are a quarter of an hour.)
Symptom: hundreds of wake-ups a second and some per cent of a core, for nothing; nobody notices until the bill or the
battery does. Published: Exa-Networks/exabgp issue 962, after a change from select to poll; the select module's
documentation gives the units, poll(2) and epoll_wait(2) theirs. Cure: convert where the call is made.
"""

import select
import socket
from typing import NoReturn

from iomux.course.clinic.limited import Limited, Ready
from iomux.course.clinic.loop import run
from iomux.servers.connection import Handler, echo

EVERY_SECONDS = 1.0


def wait(poller: "select.poll") -> Ready:
    """Wait until somebody is ready, for a second at most."""
    return poller.poll(EVERY_SECONDS)


def cured_wait(poller: "select.poll") -> Ready:
    """Wait until somebody is ready, for a second at most."""
    return poller.poll(1000 * EVERY_SECONDS)


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, poller=Limited(wait))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, poller=Limited(cured_wait))
