"""Items about what a client is owed when it says no more: all of its bytes, and then the end.

A connection has two directions, and each ends by itself (RFC 9293, 3.6; shutdown(2)).
"""

import contextlib
import socket
import time
from contextlib import ExitStack

from iomux.conformance.trial.clients import MIB, ask, connect, connect_narrow, expect_to_the_end, message, sending
from iomux.conformance.trial.items import item
from iomux.conformance.trial.subject import Fault, Subject, busy

_OWED_BYTES = (16 * MIB, *range(2 * MIB, 6 * MIB, 192 * 1024))
"""More than the buffers hold; and sizes just above what they hold, whatever that is, for a server with back-pressure:
only if the buffers are full and the server still reads on does it come to the end of the stream while it owes."""


@item(
    "half-close",
    asks="a client that says no more still gets all that it is owed",
    sent="23 clients, with 16 and with 2 to 6 MiB: all of it, then shutdown(SHUT_WR); only then each begins to read",
    hint="The end of what a client sends (recv returns no bytes) is not the end of what you owe it. Close when both "
    "are over. And if you never saw that end: was there more to read, of which you were told only once?",
    man="shutdown(2), recv(2)",
)
def half_close(subject: Subject) -> None:
    """All owed bytes arrive, then the end of the stream."""
    data = message(max(_OWED_BYTES))
    for size in _OWED_BYTES:
        with connect_narrow(subject) as client, sending(client, data[:size], then_shut_down=True):
            time.sleep(0.1)  # the server falls behind, so that it has something to owe
            expect_to_the_end(client, data[:size])
    if subject.pid is not None and not busy(subject):  # else it is not these clients that keep it awake
        _sleeps_while_it_owes(subject, data)


def _sleeps_while_it_owes(subject: Subject, data: bytes) -> None:
    """Once more the smaller ones, together, and none reads: the end of a stream is there for ever, and no news."""
    with ExitStack() as stack:
        for size in _OWED_BYTES[1:]:
            client = stack.enter_context(connect_narrow(subject))
            stack.enter_context(sending(client, data[:size], then_shut_down=True))
            stack.callback(_let_go, client)
        time.sleep(0.3)
        if busy(subject):
            raise Fault("clients said no more and do not read, and the server never sleeps")


def _let_go(client: socket.socket) -> None:
    """End the sending too."""
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


@item(
    "end",
    asks="a client that says no more and is owed nothing is let go",
    sent="nothing, or one answered message, then shutdown(SHUT_WR)",
    hint="recv returns no bytes once the client has said its last word, and will do so for ever: it is your turn to "
    "close.",
    man="recv(2), close(2)",
)
def end(subject: Subject) -> None:
    """The end of the stream is answered with the end."""
    with connect(subject) as silent:
        silent.shutdown(socket.SHUT_WR)
        _ended(silent, "a client that never spoke")
    with connect(subject) as served:
        ask(served, b"one message")
        served.shutdown(socket.SHUT_WR)
        _ended(served, "a client that was served")


def _ended(client: socket.socket, who: str) -> None:
    try:
        if client.recv(1) == b"":
            return
        raise Fault(f"{who} got bytes that it was not owed")
    except TimeoutError:
        raise Fault(f"{who} said no more and was never let go: the server did not close") from None
    except ConnectionError:
        raise Fault(f"{who} was sent away with a reset instead of an end") from None
