"""A network of hosts on this machine, with links that delay, limit, lose and break.

Each host is a network namespace: it has an address, ports and a loopback of its own, and shares nothing with the
machine's network, so nothing can be sent from it to anywhere else. All cables end in the wire (`iomux.networks.wire`),
a process that every packet passes. Cost: some 0.1 s for two hosts, and 15 ms for each more.
"""

import errno
import secrets
from collections.abc import Iterator
from itertools import count
from types import TracebackType
from typing import Any

from iomux.networks.checks import QUEUE_BYTES, check_hosts, check_seed, setting
from iomux.networks.host import Host
from iomux.networks.link import Link
from iomux.networks.parts import Parts
from iomux.processes.spawn import interrupt_held_back
from iomux.processes.start import replace_earlier_run
from iomux.system.features import hidden
from iomux.system.network.namespaces import Forbidden

_NETWORKS = 512  # each has 256 addresses of 198.18.0.0/15
_numbers = count()


class Network:
    """Hosts and the links between them; also a sequence of its hosts. Made by `iomux.network`.

    Example:
    >>> network = iomux.network(loss=0.5, seed=7)
    >>> a, b = network
    >>> network.stop()
    >>> len(network), network.seed, a.link.loss
    (2, 7, 0.5)
    """

    def __init__(self, parts: Parts, seed: int) -> None:
        self.hosts = tuple(Host(parts, number) for number in range(len(parts.addresses)))
        """Its hosts, in the order of their addresses."""
        self.link = Link(parts, list(range(len(self.hosts))))
        """All links at once: what is set here is set for each."""
        self.links = tuple(host.link for host in self.hosts)
        """The link of each host."""
        self.seed = seed
        """What the losses were drawn from: with the same seed each host loses the same ones of its packets."""
        self.notes = tuple(f"/proc/sys/net/{name} can't be set in a host here" for name in parts.refused)
        """What of the hosts' usual settings this machine did not allow."""
        self._parts = parts

    def stop(self) -> None:
        """End the servers inside, let what is under way arrive, and let the hosts go. Does nothing the second time."""
        try:
            if not self._parts.stopped:
                for host in self.hosts:
                    host.stop_servers()
                self._parts.drain()
        finally:
            self._parts.end()

    def __iter__(self) -> Iterator[Host]:
        return iter(self.hosts)

    def __len__(self) -> int:
        return len(self.hosts)

    def __getitem__(self, number: int) -> Host:
        return self.hosts[number]

    def __enter__(self) -> "Network":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = ", stopped" if self._parts.stopped else ""
        return f"<network of {len(self)} hosts, {self[0].address} to {self[-1].address}{state}>"


def network(
    hosts: int = 2,
    delay_ms: float = 0.0,
    rate_mbit: float | None = None,
    loss: float = 0.0,
    queue_bytes: int = QUEUE_BYTES,
    seed: int | None = None,
) -> Network:
    """Make hosts on this machine, each with a network of its own, and links between them; ready when this returns.

    hosts: how many, 2 to 100. delay_ms: how long a packet travels from any of them to another, in milliseconds, so a
    round trip takes twice that. rate_mbit: how much each host can send, in 10^6 bits a second; by default as much as
    the wire carries. queue_bytes: how much may wait for that; the rest is dropped. loss: the share of packets that is
    lost, 0 to 1. seed: what the losses are drawn from (default: drawn, and kept as `network.seed`). All of these can
    be changed for each host while it runs (`host.link`) or for all (`network.link`), and a link can be cut.

    Use it in a `with`, or keep it or its hosts, and call `.stop()`; it also ends when nobody has it any more. All that
    is inside ends with it, and with this process, whatever ends that; nothing of it has a name. Needs root, or user
    namespaces, and /dev/net/tun (`iomux doctor` tries). Raises ValueError for what can't be set, and OSError, saying
    what forbids it, where no network can be made.

    Example:
    >>> with iomux.network(delay_ms=5) as (a, b), b.start("poll") as server:
    ...     result = a.load(server, duration=0.1)
    >>> result.p50_us > 10_000, result.errors
    (True, {})
    """
    check_hosts(hosts)
    given = {"delay_ms": delay_ms, "rate_mbit": rate_mbit, "loss": loss, "queue_bytes": queue_bytes}
    settings = {name: setting(name, value) for name, value in given.items()}
    check_seed(seed)
    drawn = secrets.randbits(32) if seed is None else int(seed)
    made = Network(_started(int(hosts), {**settings, "cut": False}, drawn), drawn)
    replace_earlier_run(made)
    return made


def _started(hosts: int, settings: dict[str, Any], seed: int) -> Parts:
    """The processes of a new network. An interrupt waits until they have names here by which they can be ended."""
    if "network" in hidden():
        raise Forbidden(errno.EOPNOTSUPP, "networks are hidden by the environment variable IOMUX_WITHOUT")
    block = next(_numbers) % _NETWORKS
    addresses = [f"198.{18 + block // 256}.{block % 256}.{number}" for number in range(1, hosts + 1)]
    parts = Parts(addresses, [dict(settings) for _ in addresses])
    try:
        with interrupt_held_back():
            parts.start(seed)
    except BaseException:
        parts.end()
        raise
    return parts
