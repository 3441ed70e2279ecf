"""Items that hold the server still (SIGSTOP, signal(7)) while something happens, and let it find all of it at once.

A notification says that something has happened, not how often. What happens twice before a server looks is reported
once: several clients in the backlog, a message of many buffers. A server that handles one of them for each notification
leaves the rest where it is, until something else happens by chance. Held still, it finds the same each time, so the
outcome is no matter of luck or of speed; and nothing happens afterwards that would wake it by chance.
"""

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import NoReturn

from iomux.conformance.trial.clients import ask, compare, connect, expect, message, receive
from iomux.conformance.trial.items import item, under_pressure, warm_up
from iomux.conformance.trial.subject import Fault, NotSeen, NotSeenHere, Subject, processes, stopped
from iomux.system.sock_diag.other_end import ESTABLISHED, missing, other_end

_BURST = 4  # fits into a backlog of 5, as textbooks have it
_PIECE_BYTES = 16 * 1024 - 1  # no number of them fills a server's buffers exactly: that is the item sizes
_SMALL_BYTES, _LARGE_BYTES = (
    6 * _PIECE_BYTES,
    128 * _PIECE_BYTES,
)
"""For a new connection's receive buffer, and for one that has grown."""
_USUAL_BUFFER = 128 * 1024  # the kernel's own default (tcp_rmem, tcp(7)), in which 96 KiB arrive
_INFO_BYTES = 232  # up to and including the window
_TURN_BYTES, _TURNS = 256 * 1024, 4
_FULL_SECONDS = 0.2


@contextmanager
def in_the_backlog(subject: Subject, count: int) -> Iterator[list[socket.socket]]:
    """`count` new clients of a server that is held still. Raises NotSeen if the kernel has not all of them waiting."""
    with ExitStack() as stack:
        with under_pressure("echoes"):
            clients = [stack.enter_context(connect(subject)) for _ in range(count)]
        ends = [other_end(client) for client in clients]
        if not all(end and end.state == ESTABLISHED for end in ends):
            raise NotSeen(
                f"the server's backlog has no place for {count} clients that have sent nothing: listen(2), or tcp(7) "
                "(TCP_DEFER_ACCEPT)"
            )
        yield clients


def can_be_held(subject: Subject) -> None:
    """Raise NotSeen if the server can't be held still, or what waits for it then can't be seen."""
    processes(subject)
    if reason := missing():
        raise NotSeenHere(reason)


@item(
    "burst",
    points=4,
    rule="clients that connect at the same moment are all accepted",
    sent="while the server is held still (SIGSTOP), 4 clients connect; it goes on, and each sends a message",
    hint="One notification about the listener may stand for several clients. If it is edge-triggered, or taken off the "
    "list, accept until EAGAIN: those that are left in the backlog are not reported again.",
    man="accept(2), epoll(7) (edge-triggered)",
)
def burst(subject: Subject) -> None:
    """Check that each is served; each leaves before the next is asked for, so that they may take turns."""
    can_be_held(subject)
    with connect(subject) as first, warm_up("echoes"):
        ask(first, b"are you there?")
    with ExitStack() as stack:
        with stopped(subject):
            clients = stack.enter_context(in_the_backlog(subject, _BURST))
        for number, client in enumerate(clients):
            client.sendall(b"client %d" % number)
        for number, client in enumerate(clients):
            with warm_up("hundred") if not number else nullcontext():  # the first is accepted in any case
                _served_at_last(client, number)
            client.close()


def _served_at_last(client: socket.socket, number: int) -> None:
    try:
        expect(client, b"client %d" % number, f"client {number + 1} of {_BURST}, connected at the same moment,")
    except Fault as fault:
        end = other_end(client)
        fault.detail["in_the_backlog"] = end is not None and not end.inode
        raise


@item(
    "lump",
    points=4,
    rule="a message that waits in many buffers' length is answered to its end, though nothing follows",
    sent="while the server is held still (SIGSTOP), a client sends 96 KiB, and then up to 2 MiB; each time the server "
    "goes on, and nothing more is sent",
    hint="One notification may stand for more bytes than one recv takes. If it is edge-triggered, read until EAGAIN "
    "(in turns with other clients), or ask again: what is left is not reported again.",
    man="epoll(7) (edge-triggered), recv(2)",
)
def lump(subject: Subject) -> None:
    """Check that all comes back that lies in the server's buffer when it goes on: first 96 KiB, then more."""
    can_be_held(subject)
    with connect(subject) as client:
        with warm_up("echoes"):
            ask(client, b"are you there?")
        if _one_lump(subject, client, _SMALL_BYTES) < _SMALL_BYTES:
            _too_small()
        with warm_up("bulk"):
            grow_buffers(client)
        _one_lump(subject, client, _LARGE_BYTES)


def _one_lump(subject: Subject, client: socket.socket, most: int) -> int:
    """Send up to `most` bytes while the server is held still, and expect them back; return how many they were."""
    with stopped(subject):
        sent = _queue(client, message(most))
    compare(sent, *receive(client, len(sent), sent), who="a client whose message had waited")
    return len(sent)


def _too_small() -> NoReturn:
    """Raise NotSeen: the buffer of the server's own choice, or the kernel's, holds too little of a message."""
    usual = 0
    with suppress(OSError, ValueError, IndexError):
        usual = int(Path("/proc/sys/net/ipv4/tcp_rmem").read_text().split()[1])
    if usual < _USUAL_BUFFER:
        raise NotSeenHere("the kernel's buffers are too small here for a message of many buffers: tcp(7), tcp_rmem")
    raise NotSeen("the server's receive buffer is smaller than this message, by its own choice: socket(7), SO_RCVBUF")


def grow_buffers(client: socket.socket) -> None:
    """Send messages and read the answers: the kernel makes a buffer larger as its bytes are read (tcp_rmem, tcp(7))."""
    for _ in range(_TURNS):
        ask(client, message(_TURN_BYTES))


def _queue(client: socket.socket, data: bytes) -> bytes:
    """Send what fits into the stopped server's receive buffer; return it.

    Bytes that would wait at our end come later, and are news by themselves. So no more is sent than is allowed.
    """
    sent, view = 0, memoryview(data)
    room = _PIECE_BYTES + len(data) // 16  # near its limit the kernel's reckoning is coarse
    while sent < len(data) and _arrived(client, sent) and _window(client) >= room:
        sent += client.send(view[sent : sent + _PIECE_BYTES])
    return data[:sent]


def _window(client: socket.socket) -> int:
    """How many bytes the other end allows to be sent now (tcpi_snd_wnd, include/uapi/linux/tcp.h; Linux 5.4)."""
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    return int.from_bytes(info[-4:], sys.byteorder) if len(info) == _INFO_BYTES else 0


def _arrived(client: socket.socket, count: int) -> bool:
    """Whether the server's end has all `count` bytes; False if its buffer is full: a piece then waits at our end."""
    until = time.monotonic() + _FULL_SECONDS
    while (end := other_end(client)) is not None and time.monotonic() < until:
        if end.unread == count:
            return True
    return False
