"""Clients of a server under test: plain blocking sockets with a timeout on every call.

What comes back is compared byte by byte. A difference is described in the same words in every run; how many bytes
there were goes into the detail.
"""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from iomux.conformance.trial.subject import PATIENCE, Fault, NotSeen, Subject
from iomux.system.sockets import raise_descriptor_limit

MIB = 1 << 20
CLOSED, RESET = "the connection was closed", "the connection was reset"
_SPARE_DESCRIPTORS = 64
_DROPPED_SECONDS = 0.5  # a connect that takes longer met a full backlog
_NARROW_BYTES = 64 * 1024


def connect(subject: Subject) -> socket.socket:
    """A connected client. Raises Fault if the server does not accept it."""
    try:
        client = socket.create_connection(subject.address, timeout=PATIENCE)
    except ConnectionRefusedError:
        raise Fault("a new client was refused: nothing listens on the port any more") from None
    except OSError as error:
        raise Fault("a new client could not connect", error=str(error)) from None
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def connect_narrow(subject: Subject) -> socket.socket:
    """A connected client whose receive buffer does not grow (SO_RCVBUF, tcp(7)), so that the server's sends fall short.

    A client that reads all the time would take all that a careless server sends, and no send would ever be short.
    """
    family = socket.AF_INET6 if ":" in subject.address[0] else socket.AF_INET
    client = socket.socket(family, socket.SOCK_STREAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _NARROW_BYTES)  # before the window is first announced
    client.settimeout(PATIENCE)
    try:
        client.connect(subject.address)
    except OSError as error:
        client.close()
        raise Fault("a new client could not connect", error=str(error)) from None
    return client


@contextmanager
def crowd(subject: Subject, count: int) -> Iterator[list[socket.socket]]:
    """`count` connected clients at once; all are closed at the end. Raises NotSeen if they are too many."""
    check_room_for(count)
    with ExitStack() as stack:
        yield [stack.enter_context(client) for client in connect_one_by_one(subject, count)]


def check_room_for(count: int) -> None:
    """Raise NotSeen if this process may not open `count` clients."""
    most = raise_descriptor_limit()
    if count + _SPARE_DESCRIPTORS > most:
        raise NotSeen(f"{count:,} clients take more descriptors than a process may open here (ulimit -Hn)")


def connect_one_by_one(subject: Subject, count: int) -> Iterator[socket.socket]:
    """Connect one client after the other, as quickly as the server accepts them.

    If the backlog is full, the kernel drops the handshake, and the client tries again a second later (listen(2),
    tcp(7)): after that we give the server time to accept.
    """
    pause = 0.0
    for _ in range(count):
        began = time.monotonic()
        client = connect(subject)
        if time.monotonic() - began > _DROPPED_SECONDS:  # before the yield: the caller's time does not count
            pause = max(2 * pause, 0.004)
        yield client
        time.sleep(pause)


def message(size: int, seed: int = 7) -> bytes:
    """Random bytes, in which no two parts are alike; the same in every run."""
    return random.Random(seed).randbytes(size)


def receive(client: socket.socket, count: int, sent: bytes | None = None) -> tuple[bytes, str]:
    """Up to `count` bytes, and why there are not more; stops early where they differ from what was `sent`."""
    data = bytearray()
    try:
        while len(data) < count:
            piece = client.recv(min(count - len(data), MIB))
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


def compare(sent: bytes, got: bytes, how: str, who: str) -> None:
    """Raise Fault, saying how they differ, unless `got` is what was sent."""
    if got == sent:
        return
    detail: dict[str, Any] = {"bytes_sent": len(sent), "bytes_back": len(got), "how": how}
    if how in (CLOSED, RESET):  # which of the two it is depends on what was unread at that moment: tcp(7)
        how = "the server ended the connection"
    if not got:
        raise Fault(f"{who} got nothing back: {how}", **detail)
    if sent.startswith(got):
        raise Fault(f"{who} got only a part back, then: {how}", **detail)
    first = next((place for place, (a, b) in enumerate(zip(sent, got, strict=False)) if a != b), len(sent))
    raise Fault(f"{who} got other bytes than it had sent: lost, doubled, or another client's", first=first, **detail)


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
        rest = rest[client.send(rest) :]


def fill(client: socket.socket, data: bytes, stall_seconds: float = 0.3) -> int:
    """Send without reading until all is sent or a send stalls for `stall_seconds`; return how many bytes were taken."""
    sent, view = 0, memoryview(data)
    client.settimeout(stall_seconds)
    try:
        with suppress(TimeoutError):
            while sent < len(data):
                sent += client.send(view[sent : sent + MIB])
    except ConnectionError:
        raise Fault("the server closed the connection of a client that does not read") from None
    client.settimeout(PATIENCE)
    return sent


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true within `PATIENCE` seconds."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        if condition():
            return True
        time.sleep(0.02)
    return condition()
