"""Checks of arguments: names, whole numbers, loopback addresses, and bounds on count, size, rate and time."""

import ipaddress
import resource
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

from iomux.system.sockets import Address

LONGEST_SECONDS = 600.0
"""The longest run that `load` accepts: load is bounded in time."""
LARGEST_BYTES = 64 * 1024 * 1024
"""The largest request that `load` accepts."""
FASTEST_PER_S = 1_000_000
"""The highest planned rate that `load` accepts."""
MOST_PLANNED = 10_000_000
"""The most requests that one open-loop run may plan."""
_LEAST_PREFIX = {4: 16, 6: 48}  # by the version of IP: what one site may have (RFC 6177)
_SPARE_DESCRIPTORS = 64  # for the standard streams, epoll and Python's files, in the load generator and in the server


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question with the known name that an unknown word is nearest to, and a blank; empty if it is near to none.

    Example:
    >>> from iomux.system.limits import did_you_mean
    >>> did_you_mean("epol", ["select", "poll", "epoll"])
    'did you mean epoll? '
    """
    from difflib import get_close_matches  # not at the top: most words are known

    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}? " if near else ""


def is_whole(number: object) -> bool:
    """Whether it is an integer of Python or NumPy. True and False are integers in Python but not meant as numbers."""
    return isinstance(number, Integral) and not isinstance(number, bool)


def check_whole(**given: object) -> None:
    """Raise ValueError, with its name, for the first of `given` that is not a whole number."""
    for name, number in given.items():
        if not is_whole(number):
            raise ValueError(f"{name} is {number!r}: give a whole number")


def check_real(**given: object) -> None:
    """Raise ValueError, with its name, for the first of `given` that is not a number."""
    for name, number in given.items():
        if not isinstance(number, Real) or isinstance(number, bool):
            raise ValueError(f"{name} is {number!r}: give a number")


def whole_numbers(name: str, given: object) -> list[int]:
    """One number or several, as a list without duplicates. Raises ValueError, with `name`, for anything else."""
    several = isinstance(given, Iterable) and not isinstance(given, str)
    numbers: list[Any] = list(given) if several else [given]  # type: ignore[call-overload]
    for number in numbers:
        if not is_whole(number):
            said = f"has {number!r} in it: give whole numbers" if several else f"is {number!r}: give a whole number"
            raise ValueError(f"{name} {said}")
    return list(dict.fromkeys(int(number) for number in numbers))


def check_address(target: Address, allow: Sequence[str] = ()) -> None:
    """Raise ValueError unless `target` is a port on this machine's loopback, or of a network that `allow` names."""
    host, port = target
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{host!r} is not an IP address: load is for servers on this machine, as 127.0.0.1") from None
    ours = any(address in network for network in own_networks(allow))
    if not address.is_loopback and not ours:
        raise ValueError(f"{host} is not a loopback address: load is for servers on this machine, as 127.0.0.1")
    if not is_whole(port) or not 0 < port < 65536:
        raise ValueError(f"port is {port!r}: choose 1 to 65535")


def own_networks(allow: Sequence[str]) -> "list[ipaddress.IPv4Network | ipaddress.IPv6Network]":
    """The networks that a caller names as his own. Raises ValueError for what is none, or is too large to be one's own.

    Example:
    >>> from iomux.system.limits import own_networks
    >>> own_networks(["192.0.2.0/24"])
    [IPv4Network('192.0.2.0/24')]
    """
    if isinstance(allow, str) or not isinstance(allow, Iterable):
        example = allow if isinstance(allow, str) else "192.0.2.0/24"
        raise ValueError(f"allow is {allow!r}: give a list of networks, as in allow=[{example!r}]")
    try:
        found = [ipaddress.ip_network(one) for one in allow]
    except ValueError as error:
        raise ValueError(f"allow has a wrong network in it: {error}; write it as 192.0.2.0/24") from None
    for network in found:
        if network.prefixlen < _LEAST_PREFIX[network.version]:
            least = _LEAST_PREFIX[network.version]
            raise ValueError(f"allow has {network} in it: name networks of your own, of /{least} or smaller")
    return found


def check_request(
    connections: int,
    active: int,
    size: int,
    duration: float,
    warmup: float,
    rate: float | None,
    deadline: float = 1.0,
) -> None:
    """Raise ValueError, saying what to do, for a load that is impossible on any machine."""
    check_whole(connections=connections, active=active, size=size)
    check_real(duration=duration, warmup=warmup, rate=0 if rate is None else rate, deadline=deadline)
    most = f"at most {LONGEST_SECONDS:.0f} s"
    for wrong, message in (
        (connections < 1, f"connections is {connections}: at least 1 is needed"),
        (
            not 1 <= active <= connections,
            f"active is {active}: choose from 1 to connections, which is {connections}",
        ),
        (not 1 <= size <= LARGEST_BYTES, f"size is {size}: a request has 1 to {LARGEST_BYTES:,} bytes"),
        (not 0 < duration <= LONGEST_SECONDS, f"duration is {duration}: choose more than 0 and {most}"),
        (not 0 <= warmup <= LONGEST_SECONDS, f"warmup is {warmup}: choose 0 or more and {most}"),
        (not 0 < deadline <= LONGEST_SECONDS, f"deadline is {deadline}: choose more than 0 and {most}"),
        (
            rate is not None and not 0 < rate <= FASTEST_PER_S,
            f"rate is {rate}: choose more than 0 and at most {FASTEST_PER_S:,} a second, or none for a closed loop",
        ),
        (
            rate is not None and rate * (duration + warmup) > MOST_PLANNED,
            f"{rate} requests a second for {duration + warmup} s are too many to plan: at most {MOST_PLANNED:,}",
        ),
    ):
        if wrong:
            raise ValueError(message)


def too_many(count: int, what: str = "connections", each: int = 1) -> str:
    """The error message of `check_descriptors` if one process can't open that many here; empty if it can."""
    try:
        check_descriptors(count, what, each)
    except ValueError as error:
        return str(error)
    return ""


def check_descriptors(count: int, what: str = "connections", each: int = 1) -> None:
    """Raise ValueError if one process can't open `count` of `what` here; each takes `each` descriptors."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    room = (limit - _SPARE_DESCRIPTORS) // each
    if limit != resource.RLIM_INFINITY and count > room:
        fewer = f"choose at most {room:,}, or " if room > 0 else ""
        raise ValueError(
            f"{count:,} {what} need more descriptors than a process may open here ({limit:,}): "
            f"{fewer}raise the hard limit (ulimit -Hn)"
        )
