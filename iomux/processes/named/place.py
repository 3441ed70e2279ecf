"""Where a server is to listen, where to talk to it of the places at which it does, and what is to be said of that."""

import contextlib
import ipaddress
import random
import socket
from collections.abc import Sequence

from iomux.system.listeners import Listener, first_port_of_clients

EVERYWHERE = ("0.0.0.0", "::")
"""The addresses that mean all of a machine's."""
_IN_ORDER = ("127.0.0.1", "0.0.0.0", "::", "::1")
_LOWEST_PORT = 16_384


def free_port() -> int:
    """A port that is free now: one that the kernel gives to no client, where there are such.

    A client's connection keeps its own port for a minute after its end, and no server can have it then, not even one
    that sets SO_REUSEADDR (net/ipv4/inet_connection_sock.c, inet_csk_bind_conflict).
    """
    below = first_port_of_clients()
    for _ in range(100 if below > 2 * _LOWEST_PORT - 1 else 0):
        with contextlib.suppress(OSError):
            return _bound(random.randrange(_LOWEST_PORT, below))
    return _bound(0)


def _bound(port: int) -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", port))
        number: int = free.getsockname()[1]
    return number


def best(found: Sequence[Listener]) -> Listener:
    """The listener to talk to. Raises ValueError, in words without a subject, if it can't be told or is outside."""
    if len(ports := sorted({one.port for one in found})) > 1:
        several = " and ".join(map(str, ports))
        raise ValueError(f"listens on the ports {several}: say which one is meant, as in port={ports[0]}")
    first = min(found, key=_order)
    if not _reachable(first.host):
        where = written(first.host, first.port)
        raise ValueError(f"listens at {where}, which is not this machine's loopback: let it listen at 127.0.0.1")
    return first


def _order(one: Listener) -> tuple[int, str]:
    """127.0.0.1 first, then the other addresses at which a client of this machine can reach it."""
    if one.host in _IN_ORDER:
        return _IN_ORDER.index(one.host), one.host
    return len(_IN_ORDER) + (not _reachable(one.host)), one.host


def _reachable(host: str) -> bool:
    return host in EVERYWHERE or ipaddress.ip_address(host).is_loopback


def host_of_clients(host: str) -> str:
    """The address that clients of this machine connect to."""
    if host == "0.0.0.0":
        return "127.0.0.1"
    if host != "::":
        return host
    try:  # "::" may be for IPv6 only (ipv6(7), IPV6_V6ONLY): so reach it by that
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:  # no IPv6 on this machine's loopback
        return "127.0.0.1"
    return "::1"


def note(found: Listener, host: str, was_told: bool) -> tuple[str, ...]:
    """Where it listens, if that is not where it was told to; without a port that differs from run to run."""
    if found.host == "127.0.0.1" and was_told:
        return ()
    where = found.host if was_told else written(found.host, found.port)
    if not was_told and found.port >= first_port_of_clients() > 0:  # the kernel may have chosen it, another each time
        where = f"{found.host}, at a port of its own"
    if found.host not in EVERYWHERE:
        return (f"it listens at {where}",)
    return (f"it listens at {where}, which is every address of this machine, and was tried at {host}",)


def written(host: str, port: int) -> str:
    """An address as a user writes it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
