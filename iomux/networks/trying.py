"""Try to make a network, in a process of its own: for `iomux doctor`, which says what forbids it."""

import socket

from iomux.networks.network import network

_SECONDS = 5.0


def main() -> None:
    """Make two hosts, send a packet from one to the other, and print why that failed; nothing if it has arrived."""
    try:
        with network() as (a, b), a.socket(socket.SOCK_DGRAM) as near, b.socket(socket.SOCK_DGRAM) as far:
            far.bind((b.address, 0))
            far.settimeout(_SECONDS)
            near.sendto(b"packet", far.getsockname())
            far.recv(64)
    except TimeoutError:
        print(f"two hosts can be made, but a packet between them did not arrive within {_SECONDS:.0f} s")
    except OSError as error:
        print(error.strerror or error)
