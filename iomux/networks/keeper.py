"""The keeper: the process that makes the hosts, and makes sockets inside them for others.

A host is a network namespace with a TUN device (`iomux.system.network`). The keeper makes one after the other, as root
or in a user namespace of its own, and hands their descriptors to the owner. It has one thread, so it may visit each
host: a socket that it makes there stays there, whoever uses it. Nothing has a name, and all of it is gone when keeper,
wire, owner and the hosts' processes are: these end with the owner (`iomux.processes.child`).
"""

import os
import socket
from errno import EPERM
from pathlib import Path
from typing import Any

from iomux.networks.channel import hear, tell
from iomux.processes.child import receive_work
from iomux.system.network.namespaces import Forbidden, inside, new_network, new_user
from iomux.system.network.tun import dropped, make

NETMASK = "255.255.255.0"
SETTINGS = {
    "ipv6/conf/all/disable_ipv6": "1",  # its neighbour discovery would be packets that nobody has sent
    "ipv4/ip_local_port_range": "1024 65535",  # from 14,116 connections on the usual range is searched from end to end
    "ipv4/tcp_no_metrics_save": "1",  # else a new connection begins with what the last one has learnt
    "ipv4/tcp_orphan_retries": "1",  # else what nobody acknowledges keeps its namespace for minutes
}
"""What differs in a host from a new network namespace, below /proc/sys/net (ip(7), tcp(7), ip-sysctl.rst)."""


def main() -> None:
    """In the keeper's process: make the hosts, hand them over, and then sockets, until the owner ends."""
    work = receive_work()
    owner = socket.socket(fileno=work["owner"])
    networks: list[int] = []
    try:
        for user, network, tun, refused in _hosts(work["addresses"]):
            tell(owner, refused, [network, tun, *user])
            os.close(tun)
            networks.append(network)
    except Forbidden as error:
        tell(owner, error)
        return
    while True:
        try:
            question, _ = hear(owner)
            _answer(owner, networks, *question)
        except (EOFError, BrokenPipeError):
            return


def _hosts(addresses: list[str]) -> Any:
    user: list[int] = []
    for address in addresses:
        try:
            network = new_network()
        except Forbidden as error:
            if user or error.errno != EPERM:
                raise
            user = [new_user()]
            network = new_network()
        refused = [name for name, value in SETTINGS.items() if not _set(name, value)]
        yield user, network, make(address, NETMASK), refused


def _set(name: str, value: str) -> bool:
    """Set a parameter of this network; False if a container has it read-only."""
    try:
        Path("/proc/sys/net", name).write_text(value)
    except OSError:
        return False
    return True


def _answer(owner: socket.socket, networks: list[int], what: str, host: int, *more: int) -> None:
    """Answer one question about a host: a socket made there, or how many packets its device has dropped."""
    try:
        with inside(networks[host]):
            if what == "dropped":
                tell(owner, dropped())
                return
            made = socket.socket(socket.AF_INET, *more)
        with made:
            tell(owner, None, [made.fileno()])
    except OSError as error:  # of the socket: too many descriptors, a type that there is not
        tell(owner, error)
