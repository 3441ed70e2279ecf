"""Items about waste: processor time while there is nothing to do, descriptors and memory of clients that have left."""

import contextlib
import socket
import time

from iomux.conformance.trial.clients import ask, connect, crowd
from iomux.conformance.trial.holders import STILL_HELD, held_elsewhere
from iomux.conformance.trial.items import NEVER_SLEEPS, item
from iomux.conformance.trial.rest import wakes_often
from iomux.conformance.trial.subject import Fault, Subject, busy, skip_if_never_asleep, use_at_rest
from iomux.system.sockets import reset

_HINT_WAKES = (
    "It sleeps, but wakes more than a hundred times a second, on a time-out or after a pause of its own, to see if "
    "anything has happened. The kernel wakes it when something has: let it wait without a time-out, or with a long one."
)


@item(
    "leaving",
    points=2,
    rule="a client that has left costs no processor time",
    sent="12 clients leave: by close, by close with unread bytes, by reset, by shutdown; then silence",
    hint="A socket whose client has left is readable for ever, and a reset is an event too. If your server never "
    "sleeps again, which socket is still on its interest list?",
    man="recv(2), poll(2) (POLLHUP), epoll_ctl(2)",
)
def leaving(subject: Subject) -> None:
    """Check that the server does not spin after clients have left."""
    skip_if_never_asleep(subject)
    for number in range(12):
        client = connect(subject)
        if number % 2:
            client.sendall(b"never read")
            time.sleep(0.01)
        if number % 3 == 0:
            client.shutdown(socket.SHUT_RDWR)
        reset(client) if number % 3 == 1 else client.close()
    if busy(subject):
        seen = "all clients have left, and the server never sleeps"
        if held_elsewhere(subject):
            raise Fault(f"{seen}: a socket that it has closed is still open in another process (fork)", STILL_HELD)
        raise Fault(seen)


@item(
    "silent",
    points=2,
    rule="silent clients cost no processor time",
    sent="20 clients connect, half of them are served once, and then all are silent",
    hint="A server with nothing to do sleeps in the kernel. Look for a loop that goes round although nothing has "
    "happened: a timeout of 0, or an interest that is always ready, such as writing while nothing is owed.",
    man="poll(2) (POLLOUT), select(2), epoll(7)",
    exempt=NEVER_SLEEPS,
)
def silent(subject: Subject) -> None:
    """Check that the server sleeps while its clients are silent."""
    with crowd(subject, 20) as clients:
        with contextlib.suppress(Fault):  # whether they are served is another item's question
            for client in clients[::2]:
                client.settimeout(0.5)
                ask(client, b"hello")
        use = use_at_rest(subject)
        if wakes_often(use):
            seen = "all clients are silent, and the server wakes again and again"
            raise Fault(seen, _HINT_WAKES, wake_ups_a_second=use.wake_ups)
        if use.spins:
            raise Fault("all clients are silent, and the server never sleeps")
