"""The item of a link that is slow: only its own clients wait for it.

A client that does not read is another item's (`neighbours`). These would read, and their answers are small enough for
the kernel's buffers, but for a while no acknowledgement comes back. On loopback that comes within microseconds, so what
waits for it there seems not to wait.
"""

import socket
from contextlib import ExitStack

from iomux.conformance.trial.clients import ask, eventually, message
from iomux.conformance.trial.items import ONE_AT_A_TIME, warm_up
from iomux.conformance.trial.subject import Subject
from iomux.conformance.wire.hosts import connect_from, hosts_of, item, losing, owes

_SLOW, _SMALL_BYTES = 8, 4096  # a new connection's send buffer has room for that (tcp_wmem, tcp(7))


@item(
    "slow-link",
    rule="a slow link does not hold up the clients of another one",
    sent="8 clients behind a link that has stalled have sent 4 KiB each, and 4 of them have half-closed; nothing that "
    "the server answers is acknowledged; meanwhile a client on another link sends 10 messages, and a new one comes",
    hint="Your server waits until a client's host has acknowledged what it was sent. That is what close does after "
    "setsockopt SO_LINGER, whatever O_NONBLOCK says, and what a loop does that waits for an empty send buffer "
    "(SIOCOUTQ). send has returned: the kernel sees to the rest.",
    man="socket(7) (SO_LINGER), close(2), tcp(7) (SIOCOUTQ)",
    exempt=ONE_AT_A_TIME,
)
def slow_link(subject: Subject) -> None:
    """Check that others are served while answers are under way; what the slow ones get is another item's question."""
    hosts = hosts_of(subject)
    with ExitStack() as stack:
        other, *slow = [stack.enter_context(connect_from(host, subject)) for host in (hosts.near, *[hosts.far] * _SLOW)]
        with warm_up("hundred"):
            for client in (other, *slow):
                ask(client, b"I am here")
        with losing(hosts.server):
            for number, client in enumerate(slow):
                client.sendall(message(_SMALL_BYTES))
                if number % 2:
                    client.shutdown(socket.SHUT_WR)
            eventually(lambda: any(owes(subject, client, _SMALL_BYTES) for client in slow))
            hosts.far.link.cut()
        for _ in range(10):
            ask(other, b"quick", "a client on another link")
        with connect_from(hosts.near, subject) as newcomer:
            ask(newcomer, b"and I?", "a new client on another link")
