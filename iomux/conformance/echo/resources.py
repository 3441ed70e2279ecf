"""Items about waste: processor time while there is nothing to do, descriptors and memory of clients that have left."""

import contextlib
import socket
import time

from iomux.conformance.trial.clients import MIB, ask, connect, connect_narrow, crowd, eventually, fill, message
from iomux.conformance.trial.items import NEVER_SLEEPS, item
from iomux.conformance.trial.subject import Fault, Subject, busy, descriptors, rss_bytes, skip_if_never_asleep
from iomux.system.sockets import reset

_VISITS = 5000
_FIRST_VISITS = 500
_SPARE_DESCRIPTORS = 4  # a library may open one or two when it is first used
_MOST_BYTES_A_VISIT = 1024
_MORE_BLOCKS, _MORE_VISITS = 3, 1500
_OWED_RESETS = 8  # twice the descriptors that are tolerated


@item(
    "leaving",
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
        raise Fault("all clients have left, and the server never sleeps")


@item(
    "silent",
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
        if busy(subject):
            raise Fault("all clients are silent, and the server never sleeps")


@item(
    "leaks",
    rule="clients that come and go leave no descriptor and no memory behind",
    sent="5,000 clients come one after the other; two of three send once, every second one leaves with a reset; "
    "finally 8 clients send as much as the server takes, read nothing, and reset",
    hint="For each client you keep a socket, and perhaps a queue, a place in a list or a dictionary, an entry in an "
    "interest list. Which of them remain when the client is gone? Check every way out.",
    man="close(2), epoll_ctl(2)",
)
def leaks(subject: Subject) -> None:
    """Test 5,000 connects and disconnects, then some while bytes are owed: memory is judged before those."""
    _visits(subject, _FIRST_VISITS)
    time.sleep(0.1)
    descriptors_before, rss_before = descriptors(subject), rss_bytes(subject)
    _visits(subject, _VISITS - _FIRST_VISITS)
    _none_left_open(subject, descriptors_before, "descriptors of clients that have left stay open")
    _memory_is_given_back(subject, rss_before)
    descriptors_before = descriptors(subject)
    _resets_in_mid_transfer(subject)
    _none_left_open(subject, descriptors_before, "descriptors of clients that reset while owed bytes stay open")


def _none_left_open(subject: Subject, before: int, fault: str) -> None:
    if not eventually(lambda: descriptors(subject) <= before + _SPARE_DESCRIPTORS):
        raise Fault(fault, more=descriptors(subject) - before)


def _memory_is_given_back(subject: Subject, before: int) -> None:
    """Tell a leak, which goes on, from a garbage-collected heap, which grows only at first."""
    grown, visits = rss_bytes(subject) - before, _VISITS
    for _ in range(_MORE_BLOCKS):
        if grown <= _MOST_BYTES_A_VISIT * visits:
            return
        before, visits = rss_bytes(subject), _MORE_VISITS
        _visits(subject, visits)
        grown = rss_bytes(subject) - before
    if grown > _MOST_BYTES_A_VISIT * visits:
        raise Fault("the server keeps more than 1 KiB of memory for each client that has left", grown_bytes=grown)


def _resets_in_mid_transfer(subject: Subject) -> None:
    """Reset clients that the server may not read from any more, since it owes them too much: only `send` can fail."""
    data = message(16 * MIB)
    for _ in range(_OWED_RESETS):
        with connect_narrow(subject) as client:
            with contextlib.suppress(Fault):  # whether a client that does not read is closed is another item's question
                fill(client, data, stall_seconds=0.1)
            reset(client)


def _visits(subject: Subject, count: int) -> None:
    for number in range(count):
        client = connect(subject)
        if number % 3:
            ask(client, b"hello and goodbye", "one of 5,000 visitors")
        reset(client) if number % 2 else client.close()
