"""Targets that are seen from outside only: a command line, and the address of a server that runs already.

Nothing of such a server's process can be replaced or asked, in whatever language it is written: what its clients send
and get, and when, is all that there is to see. A command is started by `iomux.start`, and is ended afterwards.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from iomux.processes.server import start
from iomux.system.limits import check_address
from iomux.system.sockets import Address

NOT_SEEN = "the server is seen from outside only: its calls are made in a process that can't be looked into"
"""What a measurement says of such a target."""
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d+)")


class Outside(NamedTuple):
    """A running server, as far as it is known."""

    address: Address
    process: Any = None
    """Its `Server`, if it was started here."""

    def check(self, grace: float = 0.0) -> None:
        """As Server.check; nothing for a server that was not started here."""
        if self.process is not None:
            self.process.check(grace)

    @property
    def log(self) -> str:
        """What it has printed; empty if it was not started here."""
        return self.process.log if self.process is not None else ""


def is_outside(target: object) -> bool:
    """Whether a target is a command line or an address, as opposed to a registered name or a Python function.

    Example:
    >>> from iomux.processes.outside import is_outside
    >>> is_outside("node server.js {port}"), is_outside("127.0.0.1:8000"), is_outside("poll")
    (True, True, False)
    """
    if not isinstance(target, str):
        return False
    words = len(target.split()) > 1 and ".py:" not in target
    return "{port}" in target or words or _ADDRESS.fullmatch(target) is not None


@contextlib.contextmanager
def reached(target: str, handler: Callable[[bytes], bytes] | None) -> Iterator[Outside]:
    """Provide the server, started here unless `target` is an address; end it then. Raises ValueError for a handler."""
    if handler is not None:
        raise ValueError(f"{target} can't be given a handler: it is a program of its own")
    if found := _ADDRESS.fullmatch(target):
        host = "127.0.0.1" if found[1] == "localhost" else found[1].strip("[]")
        check_address((host, int(found[2])))
        yield Outside((host, int(found[2])))
        return
    with start(target) as server:
        yield Outside(server.address, server)
