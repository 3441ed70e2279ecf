"""Clients of a server under test: plain blocking sockets with a timeout on every call.

What comes back is compared byte by byte. A difference is described in the same words in every run; how many bytes
there were goes into the detail.
"""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from iomux.conformance.trial.connecting import (
    accepted_client,
    check_room_for,
    connect,
    connect_narrow,
    connect_one_by_one,
    crowd,
    pressing,
)
from iomux.conformance.trial.patience import eventually, patiently, ready
from iomux.conformance.trial.subject import PATIENCE, Fault, Subject, settled
from iomux.conformance.trial.window import first_difference, window
from iomux.system.sockets import reset

__all__ = [
    "CLOSED",
    "MIB",
    "RESET",
    "ask",
    "check_room_for",
    "come_and_reset",
    "compare",
    "connect",
    "connect_narrow",
    "connect_one_by_one",
    "crowd",
    "eventually",
    "expect",
    "expect_to_the_end",
    "fill",
    "leave",
    "message",
    "pressing",
    "receive",
    "send_all",
    "sending",
    "still_serves",
]
MIB = 1 << 20
CLOSED, RESET = "the connection was closed", "the connection was reset"
_STALL_SECONDS, _LEAVE_SECONDS = 0.15, 0.5


def message(size: int, seed: int = 7) -> bytes:
    """Random bytes, in which no two parts are alike; the same in every run."""
    return random.Random(seed).randbytes(size)


def receive(client: socket.socket, count: int, sent: bytes | None = None) -> tuple[bytes, str]:
    """Up to `count` bytes, and why there are not more; stops early where they differ from what was `sent`."""
    data = bytearray()
    try:
        while len(data) < count:
            piece = patiently(partial(client.recv, min(count - len(data), MIB)), client)
            if not piece:
                return bytes(data), CLOSED
            data += piece
            if sent is not None and not sent.startswith(piece, len(data) - len(piece)):
                return bytes(data), ""  # bytes that are lost or changed will never come: waiting is pointless
    except TimeoutError:
        return bytes(data), "nothing more came"
    except ConnectionError:
        return bytes(data), RESET
    return bytes(data), ""


def expect(client: socket.socket, sent: bytes, who: str = "the client") -> None:
    """Read as many bytes as were sent and compare them. Raises Fault at the first difference."""
    compare(sent, *receive(client, len(sent), sent), who=who)


def expect_to_the_end(client: socket.socket, sent: bytes, who: str = "the client") -> None:
    """Read to the end of the stream and compare. Raises Fault if the end does not come, or more bytes do."""
    got, how = receive(client, len(sent) + 1, sent)
    compare(sent, got, how, who)
    if how != CLOSED:
        raise Fault(f"{who} got every byte, but not the end of the stream: {how}")


def compare(sent: bytes, got: bytes, how: str, who: str, hint: str = "") -> None:
    """Raise Fault, saying how they differ, unless `got` is what was sent. hint: what is known of the cause."""
    if got == sent:
        return
    detail: dict[str, object] = {"bytes_sent": len(sent), "bytes_back": len(got), "how": how}
    if how in (CLOSED, RESET):  # which of the two it is depends on what was unread at that moment: tcp(7)
        how = "the server ended the connection"
    detail["window"] = window(sent, got, how)
    if not got:
        raise Fault(f"{who} got nothing back: {how}", hint, **detail)
    if sent.startswith(got):
        raise Fault(f"{who} got only a part back, then: {how}", hint, **detail)
    seen = f"{who} got other bytes than it had sent: lost, doubled, or another client's"
    raise Fault(seen, hint, first=first_difference(sent, got), **detail)


def ask(client: socket.socket, sent: bytes, who: str = "the client") -> None:
    """Send a request and expect the same bytes back. Raises Fault otherwise."""
    try:
        send_all(client, sent)
    except TimeoutError:
        raise Fault(f"{who} could not send: the server did not read its bytes") from None
    except ConnectionError:  # it may still have been answered in part
        compare(sent, receive(client, len(sent))[0], RESET, who)
    else:
        expect(client, sent, who)


def still_serves(subject: Subject, after: str) -> None:
    """Check that a new client gets its echo. Raises Fault, naming what happened before."""
    with connect(subject) as client:
        ask(client, b"still there?", f"after {after}, a new client")


@contextmanager
def sending(client: socket.socket, data: bytes, then_shut_down: bool = False) -> Iterator[None]:
    """Send all of `data` from a thread, so that the caller can read meanwhile; then half-close, if wanted."""

    def send() -> None:
        try:
            send_all(client, data)
            if then_shut_down:
                client.shutdown(socket.SHUT_WR)
        except OSError:  # the caller, who reads, will see it and report it
            return

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    yield
    thread.join(PATIENCE)


def send_all(client: socket.socket, data: bytes) -> None:
    """Send every byte. TimeoutError only if nothing moves for the client's time-out: `sendall`'s is for all of it."""
    rest = memoryview(data)
    while rest:
        rest = rest[patiently(partial(client.send, rest)) :]


def fill(subject: Subject, client: socket.socket, data: bytes) -> int:
    """Send without reading until all is sent, or the server is at rest and takes no more; return how much it took.

    A server may close a client that does not read: whether it should is another item's question.
    """
    sent, view = 0, memoryview(data)
    client.settimeout(_STALL_SECONDS)
    with suppress(ConnectionError):
        while sent < len(data):
            try:
                sent += client.send(view[sent : sent + MIB])
            except TimeoutError:
                settled(subject)
                if not _takes_more(client):
                    break
    client.settimeout(PATIENCE)
    return sent


def come_and_reset(subject: Subject, first: bytes, count: int) -> None:
    """Connect and reset, one after another: after a few bytes, or, without any, when the server has accepted."""
    for _ in range(count):
        client = connect(subject) if first else accepted_client(subject)
        if first:
            client.sendall(first)
        reset(client)


def leave(client: socket.socket) -> None:
    """Read what is still owed, then close: a socket that is closed with bytes unread resets its connection (tcp(7))."""
    client.settimeout(_LEAVE_SECONDS)
    with suppress(OSError):
        client.shutdown(socket.SHUT_WR)
        while client.recv(MIB):
            pass
    client.close()


def _takes_more(client: socket.socket) -> bool:
    return bool(ready([], [client])[1])
