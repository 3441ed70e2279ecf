"""Where a new process is to run, if not on this machine's own network: a host that has one of its own."""

from socket import socket
from typing import Any, Protocol


class Place(Protocol):
    """A host of `iomux.network`, as far as those who start a process in it need to know it."""

    address: str
    """Its only address, but for its loopback's."""

    def namespaces(self) -> tuple[int, ...]:
        """The descriptors of the namespaces that its processes enter, in order. Raises RuntimeError if it is gone."""

    def listen(self, port: int = 0) -> socket:
        """A listening TCP socket at its address."""

    def reaches(self, host: str) -> bool:
        """Whether this is the address of a host of the same network."""


class Hosts(Protocol):
    """Some of the hosts of a network, by number."""

    def __getitem__(self, number: int, /) -> Any:
        """One of them."""
