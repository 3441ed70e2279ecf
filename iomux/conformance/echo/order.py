"""Items about whose bytes come back, and in which order, when many are served, or more than one hand may write.

A send that finds no room waits, or takes a part. If a second one for the same client begins meanwhile (another thread
that was woken for the same socket, a task for each answer), the two get into each other. A client that does not read
makes both of them wait: then it is no matter of luck. Nothing is lost, so every byte is there, in another place.
"""

import socket
import time
from array import array
from contextlib import ExitStack, suppress

import psutil

from iomux.conformance.echo.causes import SHARED
from iomux.conformance.trial.clients import MIB, ask, compare, connect_narrow, crowd, expect, fill, message, receive
from iomux.conformance.trial.items import ONE_AT_A_TIME, item, warm_up
from iomux.conformance.trial.patience import ready
from iomux.conformance.trial.subject import PATIENCE, Fault, NotSeen, Subject, processes
from iomux.conformance.trial.transfer import Stream, exchange, fill_all

_FIRST_BYTES, _BYTES = 6 * MIB, 12 * MIB  # the first are more than the kernel's buffers hold, at both ends
_PIECE_BYTES = 16 * 1024
_MORE_SECONDS, _BETWEEN_SECONDS = 1.5, 0.0001
_ROUNDS, _SECONDS = 4, 2.0
_VALUES, _LATE_BYTES = (b"\x55", b"\xaa"), 2 * MIB
_ONE_THREAD = (
    "The server has one thread. So one write to this client had not ended when the next began: one task for each "
    "answer, or a callback that does not wait. One write at a time for each client, and a queue for what follows."
)
_IN_PARTS = (
    "Room in the kernel's buffers comes bit by bit here, while more is said: send takes other parts than from a client "
    "that only reads. Is what it did not take sent from the very byte where it stopped, however much that is?"
)
_THREADS = (
    "Several threads or processes wait for the same socket, and two of them handle one client at once. EPOLLONESHOT, "
    "re-armed after the answer, or a thread of its own for each client, keeps the others away (epoll(7))."
)


@item(
    "hundred",
    points=5,
    rule="a hundred clients at once each get their own bytes",
    sent="100 connected clients each send 2,000 bytes, all different, and read after all have sent; then two each send "
    "2 MiB, all of one value, and read late",
    hint="Which client does your server wait for while it serves one? No call for one client may block while others "
    "have sent something. And is everything that belongs to one client kept apart from the others'?",
    man="select(2), poll(2), epoll(7)",
    exempt=ONE_AT_A_TIME,
)
def hundred(subject: Subject) -> None:
    """Test that clients are served concurrently and not mixed up. What is mixed by chance is asked for certain."""
    try:
        _each_its_own(subject)
    except Fault as fault:
        if "first" in fault.detail:  # other bytes came
            _kept_apart(subject)
        raise
    _kept_apart(subject)


def _each_its_own(subject: Subject) -> None:
    with crowd(subject, 100) as clients:
        messages = [message(2000, seed=number) for number in range(len(clients))]
        for client, data in zip(clients, messages, strict=True):
            client.sendall(data)
        try:
            for number, (client, data) in enumerate(zip(clients, messages, strict=True), 1):
                expect(client, data, who=f"client {number} of 100")
        except Fault as fault:
            if any(_has_more_than(client, len(messages[0])) for client in clients):
                fault.hint = SHARED
            raise


def _has_more_than(client: socket.socket, count: int) -> bool:
    """Whether more lies there than the client is due: somebody else's, who then waits for it."""
    with suppress(OSError):
        return bool(ready([client])[0]) and len(client.recv(2 * count, socket.MSG_PEEK)) > count
    return False


def _kept_apart(subject: Subject) -> None:
    """Let two clients read late: what each is owed waits somewhere. Bytes that are lost are another item's question."""
    with ExitStack() as stack:
        streams = [Stream(stack.enter_context(connect_narrow(subject)), value * _LATE_BYTES) for value in _VALUES]
        fill_all(subject, streams)
        exchange(streams)
        if any(other in stream.got for stream, other in zip(streams, reversed(_VALUES), strict=True)):
            raise Fault("a client that read late got another client's bytes", hint=SHARED)


@item(
    "order",
    points=4,
    rule="a client's bytes come back in the order in which they were sent, however slowly it reads",
    sent="a client sends as much as the server takes, up to 6 MiB of numbers in a row; then it sends as many again, "
    "and reads meanwhile",
    hint="Two writes to one client are under way at once: two threads that were woken for it, or two tasks. One hand "
    "at a time reads from a client and writes to it.",
    man="epoll(7) (EPOLLONESHOT), send(2)",
)
def order(subject: Subject) -> None:
    """Check the order only: bytes that are lost or changed are another item's question."""
    numbers, until = array("Q", range(_BYTES // 8)).tobytes(), time.monotonic() + _SECONDS
    for _ in range(_ROUNDS):
        with connect_narrow(subject) as client:
            with warm_up("echoes"):
                ask(client, b"are you there?")
            with warm_up("slow-reader"):
                taken = fill(subject, client, numbers[:_FIRST_BYTES])
            _check(subject, *_the_rest(client, numbers, taken))
        if time.monotonic() > until:  # a slow server is tried once
            return


def _the_rest(client: socket.socket, numbers: bytes, taken: int) -> tuple[bytes, bytes, str]:
    """Send a little and read a little, for a while: room and more to send come together. Then read the rest.

    Returns what was sent, what came, and why there is not more.
    """
    got, until = bytearray(), time.monotonic() + _MORE_SECONDS
    client.setblocking(False)
    with suppress(ConnectionError):  # what is missing then is seen below
        while taken < len(numbers) and time.monotonic() < until:
            with suppress(BlockingIOError):
                taken += client.send(numbers[taken : taken + _PIECE_BYTES])
            with suppress(BlockingIOError):
                got += client.recv(2 * _PIECE_BYTES)
            time.sleep(_BETWEEN_SECONDS)  # the server may have to share this core
    client.settimeout(PATIENCE)
    rest, how = receive(client, taken - len(got))
    return numbers[:taken], bytes(got) + rest, how


def _check(subject: Subject, sent: bytes, got: bytes, how: str) -> None:
    if len(got) == len(sent) and got != sent and _same_bytes(got, sent):
        raise Fault("every byte came back, but in another order than they were sent", hint=_cause(subject))
    with warm_up("slow-reader"):
        compare(sent, got, how, "the client", _IN_PARTS)


def _same_bytes(one: bytes, other: bytes) -> bool:
    """Whether both have the same bytes, whatever their order: those of some values are counted."""
    return all(one.count(value) == other.count(value) for value in range(1, 256, 17))


def _cause(subject: Subject) -> str:
    try:
        threads = sum(process.num_threads() for process in processes(subject))
    except (NotSeen, psutil.Error):
        return ""
    return _ONE_THREAD if threads == 1 else _THREADS
