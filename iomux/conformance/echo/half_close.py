"""Items about clients that half-close: the server sends all it owes them, and then closes.

A connection has two directions, and each ends by itself (RFC 9293, 3.6; shutdown(2)).
"""

import contextlib
import socket
import time
from contextlib import ExitStack

from iomux.conformance.trial.clients import MIB, ask, connect, connect_narrow, expect_to_the_end, message, sending
from iomux.conformance.trial.holders import STILL_HELD, holders, still_held
from iomux.conformance.trial.items import item
from iomux.conformance.trial.subject import Fault, Subject, busy

_OWED_BYTES = (16 * MIB, *range(2 * MIB, 6 * MIB, 192 * 1024))
"""More than the buffers hold; and many sizes near what they hold, for a server with back-pressure: it sees the end of
the stream while it owes bytes only if the buffers are full and it still reads."""


@item(
    "half-close",
    rule="a client that has half-closed still gets every byte that it is owed",
    sent="23 clients each send 2 to 6 MiB, or 16 MiB, then shutdown(SHUT_WR); only then each begins to read",
    hint="The end of what a client sends (recv returns no bytes) is not the end of what you owe it. Close when both "
    "are over. And if your server never sees that end: was there more to read, after the only notification?",
    man="shutdown(2), recv(2)",
)
def half_close(subject: Subject) -> None:
    """Check that all owed bytes arrive, then the end of the stream."""
    data = message(max(_OWED_BYTES))
    for size in _OWED_BYTES:
        with connect_narrow(subject) as client, sending(client, data[:size], then_shut_down=True):
            time.sleep(0.1)  # the server falls behind, so that it has something to owe
            expect_to_the_end(client, data[:size])
    if subject.pid is not None and not busy(subject):  # otherwise something other than these clients keeps it awake
        _sleeps_while_it_owes(subject, data)


def _sleeps_while_it_owes(subject: Subject, data: bytes) -> None:
    """Repeat the smaller sizes at once, none of them read: a stream at its end stays readable, which is not news."""
    with ExitStack() as stack:
        for size in _OWED_BYTES[1:]:
            client = stack.enter_context(connect_narrow(subject))
            stack.enter_context(sending(client, data[:size], then_shut_down=True))
            stack.callback(_stop_sending, client)
        time.sleep(0.3)
        if busy(subject):
            raise Fault("clients have half-closed and do not read, and the server never sleeps")


def _stop_sending(client: socket.socket) -> None:
    """Shut the connection down, so that the sending thread ends too."""
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


@item(
    "end",
    rule="the server closes a client that has half-closed and is owed nothing",
    sent="one client gets a message answered, one sends nothing; then each calls shutdown(SHUT_WR)",
    hint="Once the client has sent its last byte, recv returns no bytes, now and for ever: it is your turn to close.",
    man="recv(2), close(2)",
)
def end(subject: Subject) -> None:
    """Check that the end of the stream is answered with the end."""
    with connect(subject) as served:
        ask(served, b"one message")
        before = holders(subject, served)
        served.shutdown(socket.SHUT_WR)
        _ended(subject, served, "a client that had been served", before)
    with connect(subject) as silent:
        silent.shutdown(socket.SHUT_WR)
        _ended(subject, silent, "a client that had sent nothing", {})


def _ended(subject: Subject, client: socket.socket, who: str, before: dict[int, int]) -> None:
    try:
        if client.recv(1) == b"":
            return
        raise Fault(f"{who} got bytes that it was not owed")
    except TimeoutError:
        never = f"{who} half-closed, and the server never closed the connection"
        now = holders(subject, client)
        if still := still_held(before, now, subject.pid):
            raise Fault(f"{never}: {still}", hint=STILL_HELD, before=before, now=now) from None
        raise Fault(never) from None
    except ConnectionError:
        raise Fault(f"{who} half-closed, and got a reset instead of the end of the stream") from None
