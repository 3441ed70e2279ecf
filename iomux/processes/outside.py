"""Targets that are seen from outside only: a command line, a running server's address, and what makes its listener.

Nothing of such a server's process can be replaced or asked, in whatever language it is written: what its clients send
and get, and when, is all that there is to see. What does not run yet is started as by `iomux.start`, and then ended.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from iomux.processes.resolve import Found, name_of, own_listener
from iomux.processes.server import Server, launch, running_server
from iomux.system.sockets import Address

NOT_SEEN = (
    "the server is seen from outside only: it is no function that takes a listener, so its calls can't be recorded"
)
"""What a measurement says of such a target."""


class Outside(NamedTuple):
    """A running server, as far as it is known."""

    address: Address
    process: Server | None = None
    """Its process, if it was started here."""

    def check(self, grace: float = 0.0) -> None:
        """As Server.check; nothing for a server that was not started here."""
        if self.process is not None:
            self.process.check(grace)

    @property
    def log(self) -> str:
        """What it has printed; empty if it was not started here."""
        return self.process.log if self.process is not None else ""


def is_outside(found: Found) -> bool:
    """Whether what `iomux.processes.resolve.find` has found is seen from outside only.

    Example:
    >>> from iomux.processes.outside import is_outside
    >>> is_outside(("127.0.0.1", 8000)), is_outside("poll")
    (True, False)
    """
    return isinstance(found, tuple) or own_listener(found)


@contextlib.contextmanager
def reached(found: Found, handler: Callable[[bytes], bytes] | None) -> Iterator[Outside]:
    """Provide the server, started here unless it is an address; end it then. Raises ValueError for a handler."""
    if handler is not None:
        raise ValueError(f"{name_of(found)} can't be given a handler: it has its own")
    if isinstance(found, tuple):
        yield Outside(found, running_server(found))
        return
    with launch(found) as server:
        yield Outside(server.address, server)
