"""What a network and its links can be: each wrong argument is one sentence."""

import math
from typing import Any

from iomux.system.limits import check_real, check_whole
from iomux.system.network.tun import MTU

MOST_HOSTS = 100
"""The most hosts of one network: each takes some 15 ms to make, and a descriptor in this process."""
LONGEST_MS = 10_000.0
"""The longest delay of a link, one way."""
FASTEST_MBIT = 100_000.0
"""The highest rate of a link; None means as fast as the wire can."""
QUEUE_BYTES = 256 * 1024
"""How much waits for a link that has a rate, unless said otherwise."""


def check_hosts(hosts: Any) -> None:
    """Raise ValueError if a network can't have so many hosts."""
    check_whole(hosts=hosts)
    if not 2 <= hosts <= MOST_HOSTS:
        raise ValueError(f"hosts is {hosts}: a network has 2 to {MOST_HOSTS} of them")


def setting(name: str, value: Any) -> float | int | None:
    """The value of a link's setting as a number of Python. Raises ValueError, saying what to give, if it can't be that.

    One of NumPy would let the wire import NumPy when it is sent there, for which all packets wait.
    """
    if name == "rate_mbit" and value is None:
        return None
    if name == "queue_bytes":
        check_whole(queue_bytes=value)
    check_real(**{name: value})
    low, high, what = {
        "delay_ms": (0.0, LONGEST_MS, f"choose 0 to {LONGEST_MS:,.0f} ms, one way"),
        "loss": (0.0, 1.0, "choose a share of the packets, from 0 (none) to 1 (all)"),
        "rate_mbit": (0.001, FASTEST_MBIT, f"choose 0.001 to {FASTEST_MBIT:,.0f} Mbit/s, or None for no limit"),
        "queue_bytes": (MTU, 1 << 30, f"choose {MTU:,} bytes, which is one packet, to 2^30"),
    }[name]
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"{name} is {value}: {what}")
    return int(value) if name == "queue_bytes" else float(value)


def check_seed(seed: Any) -> None:
    """Raise ValueError for what is no whole number from 0."""
    if seed is not None:
        check_whole(seed=seed)
        if seed < 0:
            raise ValueError(f"seed is {seed}: give a whole number from 0")
