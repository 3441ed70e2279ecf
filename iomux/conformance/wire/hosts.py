"""Clients on hosts of their own, with links that an item changes, and what the server's kernel knows of each of them.

What a host sends passes its link. So what the server sends is lost by *its* link, and an acknowledgement is kept back
by the client's. When an item may go on is never a matter of time: the kernel of the server's host tells when the server
has written, and that nothing of it is acknowledged (/proc/PID/net/tcp, proc_net(5)).
"""

import contextlib
import socket
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from iomux.conformance.trial.connecting import connected
from iomux.conformance.trial.items import Item
from iomux.conformance.trial.items import item as any_item
from iomux.conformance.trial.patience import at_work
from iomux.conformance.trial.recording import RECORDING
from iomux.conformance.trial.subject import HIDDEN, NotSeen, NotSeenHere, Subject
from iomux.system.sock_diag.other_end import ESTABLISHED

WIRE_ITEMS: dict[str, Item] = {}
"""The items by their names."""
item = partial(any_item, into=WIRE_ITEMS, hosts=3)


class Hosts(NamedTuple):
    """The hosts of an item: `iomux.networks.host.Host`, with `link` and `socket`."""

    server: Any
    near: Any
    """Whose link stays as it is."""
    far: Any
    """Whose link is stalled, or cut."""


class End(NamedTuple):
    """The server's end of a connection, at one moment."""

    state: int
    """include/net/tcp_states.h: 1 is ESTABLISHED."""
    unacknowledged: int
    """Bytes that the server has written and that have not been acknowledged."""
    inode: int
    """The inode that its descriptors have; 0 if no process has one."""


def hosts_of(subject: Subject) -> Hosts:
    """The hosts on which the item runs."""
    if subject.hosts is None:
        raise NotSeen("there is no wire between the server and its clients")
    return Hosts(*(subject.hosts[number] for number in range(len(Hosts._fields))))


def connect_from(host: Any, subject: Subject) -> socket.socket:
    """A connected client on that host. Its steps are not recorded: without the link's they would show nothing."""
    with RECORDING.paused():
        return connected(subject, host.socket())


def end_of(subject: Subject, client: socket.socket) -> End | None:
    """The server's end of a client's connection, as its kernel lists it; None if that has forgotten it."""
    host, port = client.getsockname()
    peer = f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"  # also of ::ffff:198.18.0.1
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
            for line in _table(subject, name).splitlines()[1:]:
                fields = line.split()
                if fields[1].endswith(f":{subject.address[1]:04X}") and fields[2].endswith(peer):
                    return End(int(fields[3], 16), int(fields[4].partition(":")[0], 16), int(fields[9]))
    return None


def _table(subject: Subject, name: str) -> str:
    try:
        return Path(f"/proc/{subject.pid}/net/{name}").read_text()
    except PermissionError as error:
        raise NotSeenHere(HIDDEN) from error


@contextlib.contextmanager
def losing(host: Any) -> Iterator[None]:
    """Lose every packet that this host sends meanwhile; leave as soon as those are lost that are meant."""
    host.link.loss = 1.0
    try:
        yield
    finally:
        host.link.loss = 0.0


def owes(subject: Subject, client: socket.socket, count: int) -> bool:
    """Whether the server has written so many bytes to a client that are not acknowledged, or its kernel forgot them."""
    end = end_of(subject, client)
    return end is None or end.unacknowledged >= count


def has_parted(subject: Subject, client: socket.socket, count: int) -> bool:
    """Whether the server has answered a client that has half-closed, and is done with it, or does nothing more."""
    end = end_of(subject, client)
    if end is None or not end.inode:
        return True
    return end.state != ESTABLISHED and end.unacknowledged >= count and not at_work(subject)


def inode_of(subject: Subject, client: socket.socket) -> int:
    """The inode of the server's socket of a client. Raises NotSeen if no process has it."""
    end = end_of(subject, client)
    if end is None or not end.inode:
        raise NotSeen("which socket of the server is a client's can't be seen: no process has it")
    return end.inode
