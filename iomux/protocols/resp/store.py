"""A store, which all of its clients share; it forgets the keys that are dead, whether or not anybody asks for them."""

import time

from iomux.protocols.resp.base.data import Data
from iomux.protocols.resp.base.session import Session
from iomux.protocols.resp.client import Client
from iomux.servers.protocol import NEVER, Say


class Store:
    """Makes the protocol objects of a store's clients: see iomux.servers.protocol.Factory."""

    def __init__(self, unix: float) -> None:
        self.due = NEVER
        self._data = Data(unix, self._earlier)

    def __call__(self, now: float, say: Say) -> Client:
        """The protocol object of a client that has just connected."""
        self._data.now = now
        if not self._data.clients:
            self._data.since = now
        return Client(Session(self._data, say))

    def late(self, now: float) -> None:
        """Forget keys that are dead."""
        self._data.now = now
        self.due = self._data.forget()

    def _earlier(self, due: float) -> None:
        if due < self.due:
            self.due = due


def store() -> Store:
    """A new store, with nothing in it: a factory for any server that carries a protocol.

    Its clients see what the others have set; two stores know nothing of each other. It takes no argument and raises
    nothing. Times are those that the server passes in; the clock is read once, for the difference between
    time.monotonic() and Unix time.

    Example:
    >>> from iomux.protocols import resp
    >>> factory = resp.store()
    >>> client = factory(now=0.0, say=print)
    >>> client.feed(b"SET greeting hello\\r\\nGET greeting\\r\\n", now=0.0)
    b'+OK\\r\\n$5\\r\\nhello\\r\\n'
    """
    return Store(time.time() - time.monotonic())
