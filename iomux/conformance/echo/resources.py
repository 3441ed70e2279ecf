"""Items about what is left over: processor time with nothing to do, and descriptors and memory of clients gone."""

import contextlib
import socket
import time

from iomux.conformance.trial.clients import MIB, ask, connect, connect_narrow, crowd, eventually, fill, message
from iomux.conformance.trial.items import ASKS_ALL_THE_TIME, item
from iomux.conformance.trial.subject import Fault, Subject, asleep_at_first, busy, descriptors, rss_bytes
from iomux.system.sockets import reset

_VISITS = 5000
_FIRST_VISITS = 500
_SPARE_DESCRIPTORS = 4  # a library may open one or two of its own when it is first used
_MOST_BYTES_A_VISIT = 1024
_MORE_BLOCKS, _MORE_VISITS = 3, 1500
_OWED_RESETS = 8  # twice what is spared


@item(
    "leaving",
    asks="a client that has left costs nothing any more",
    sent="clients that leave in each way: closed, closed with bytes unread, reset, ended by shutdown; then silence",
    hint="A socket whose client has left is readable for ever, and its reset an event too. If your server never "
    "sleeps again, whom is it still asking about?",
    man="recv(2), poll(2) (POLLHUP), epoll_ctl(2)",
)
def leaving(subject: Subject) -> None:
    """No spin after a client has left."""
    asleep_at_first(subject)
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
    asks="silent clients cost no processor time",
    sent="20 clients, half of which have been served once, and then silence",
    hint="Who says that there is something to do? A server with nothing to do sleeps in the kernel. Look for a loop "
    "that goes round when nothing has happened: a timeout of 0, or a wish that is always true, as to write.",
    man="poll(2) (POLLOUT), select(2), epoll(7)",
    exempt=ASKS_ALL_THE_TIME,
)
def silent(subject: Subject) -> None:
    """Nothing to do, nothing done."""
    with crowd(subject, 20) as clients:
        with contextlib.suppress(Fault):  # whether they are served is another item's question
            for client in clients[::2]:
                client.settimeout(0.5)
                ask(client, b"hello")
        if busy(subject):
            raise Fault("nobody speaks, and the server never sleeps")


@item(
    "leaks",
    asks="clients that come and go leave nothing behind, no descriptor and no memory",
    sent="5,000 clients, one after the other: two of three ask once, then each leaves, every other with a reset; at "
    "last 8 that send what the server takes, read nothing, and reset",
    hint="For each client you keep a socket, and perhaps a queue, a place in a list or a dictionary, a name in an "
    "interest list. Which of them is still there when the client is gone, on every way out?",
    man="close(2), epoll_ctl(2)",
)
def leaks(subject: Subject) -> None:
    """5,000 connects and disconnects, then some while bytes are owed: memory is judged before those."""
    _visits(subject, _FIRST_VISITS)
    time.sleep(0.1)
    descriptors_before, rss_before = descriptors(subject), rss_bytes(subject)
    _visits(subject, _VISITS - _FIRST_VISITS)
    _none_left_open(subject, descriptors_before, "descriptors of clients that have left stay open")
    _memory_is_given_back(subject, rss_before)
    descriptors_before = descriptors(subject)
    _resets_in_mid_transfer(subject)
    _none_left_open(subject, descriptors_before, "descriptors of clients that reset while owed bytes stay open")


def _none_left_open(subject: Subject, before: int, otherwise: str) -> None:
    if not eventually(lambda: descriptors(subject) <= before + _SPARE_DESCRIPTORS):
        raise Fault(otherwise, more=descriptors(subject) - before)


def _memory_is_given_back(subject: Subject, before: int) -> None:
    """A garbage-collected heap grows at first, and then no more; a leak goes on."""
    grown, visits = rss_bytes(subject) - before, _VISITS
    for _ in range(_MORE_BLOCKS):
        if grown <= _MOST_BYTES_A_VISIT * visits:
            return
        before, visits = rss_bytes(subject), _MORE_VISITS
        _visits(subject, visits)
        grown = rss_bytes(subject) - before
    if grown > _MOST_BYTES_A_VISIT * visits:
        raise Fault("memory of clients that have left is kept: more than 1 KiB for each", grown_bytes=grown)


def _resets_in_mid_transfer(subject: Subject) -> None:
    """The server may learn of these from `send` only: full as it is, it need not read from them."""
    data = message(16 * MIB)
    for _ in range(_OWED_RESETS):
        with connect_narrow(subject) as client:
            with contextlib.suppress(Fault):  # a client sent away because it does not read is another item's question
                fill(client, data, stall_seconds=0.1)
            reset(client)


def _visits(subject: Subject, count: int) -> None:
    for number in range(count):
        client = connect(subject)
        if number % 3:
            ask(client, b"hello and goodbye", "one of 5,000 visitors")
        reset(client) if number % 2 else client.close()
