"""Blocking, with a protocol object for each client: every call waits, but no longer than until something is due.

A blocking socket has two time-outs in the kernel, one for receiving and one for sending. A call that they end fails
as on a nonblocking socket, with EAGAIN. So a server that sleeps in `recv` can say in time that a request took too
long.

What it can't do, since it serves one client at a time: while one client stays connected, all others wait, however
silent it is, until its protocol lets it go, and then for the time of its goodbye. Bytes for another client, as in
publish and subscribe, find nobody: the other one is not served yet, or has left. So there are no idle clients to let go
at the descriptor limit either.

Cost: two system calls for each request, and one more whenever a time-out becomes shorter. Sources: socket(7),
SO_RCVTIMEO and SO_SNDTIMEO; accept(2).
"""

import contextlib
import functools
import socket
import struct
import time
from typing import NoReturn

from iomux.servers.blocking import accept_one
from iomux.servers.carriers.meeting import call_late, meet
from iomux.servers.connection import CHUNK_BYTES, OVER, WRITE
from iomux.servers.protocol import NEVER, Factory, Speaks
from iomux.servers.protocol.conversation import Conversation
from iomux.servers.protocol.parting import part
from iomux.servers.readiness import timeout

_TIMEVAL = struct.Struct("@ll")
_SHORTEST_SECONDS = 0.001
"""A time-out of 0 would be none at all (socket(7))."""


def seconds_until(due: float) -> float:
    """How long a call may wait until `due` of time.monotonic(): more than 0, and at most a day."""
    return max(_SHORTEST_SECONDS, timeout(due, 1))


class TimedSocket:
    """A blocking socket whose calls return when something is due.

    A time-out stays set as long as it is not too long: one that ends too early costs a look at the clock, one set anew
    for each call would cost a system call.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._set = {socket.SO_RCVTIMEO: NEVER, socket.SO_SNDTIMEO: NEVER}

    def receive(self, due: float) -> bytes | None:
        """Wait for bytes, none at the end of the stream; None if `due` comes first. Raises OSError."""
        self._limit(socket.SO_RCVTIMEO, due)
        try:
            return self._sock.recv(CHUNK_BYTES)
        except BlockingIOError:
            self._set[socket.SO_RCVTIMEO] = NEVER  # set it anew, as long as it then has to be
            return None

    def send(self, data: bytes | memoryview, due: float, flags: int = 0) -> int:
        """Wait until the kernel has taken the bytes; return how many it had taken when `due` came. Raises OSError."""
        self._limit(socket.SO_SNDTIMEO, due)
        try:
            return self._sock.send(data, flags)
        except BlockingIOError:
            self._set[socket.SO_SNDTIMEO] = NEVER
            return 0

    def _limit(self, which: int, due: float) -> None:
        seconds = seconds_until(due)
        if seconds < self._set[which]:
            self._set[which] = seconds
            self._sock.setsockopt(socket.SOL_SOCKET, which, _TIMEVAL.pack(int(seconds), max(1, int(seconds % 1 * 1e6))))


def serve(listener: socket.socket, speaks: Speaks) -> NoReturn:
    """Serve the clients of `listener` one after the other. Never returns."""
    while True:
        listener.settimeout(seconds_until(speaks.factory.due))
        try:
            client = accept_one(listener)
        except TimeoutError:
            call_late(speaks.factory)
        else:
            converse(client, speaks)


def converse(client: socket.socket, speaks: Speaks) -> None:
    """Talk to one client until its connection is over, waiting at each step; then close."""
    talk = meet(speaks, functools.partial(client.shutdown, socket.SHUT_WR), wake=lambda: None)  # it is awake
    if talk is None:
        client.close()
        return
    with contextlib.closing(talk), client, contextlib.suppress(OSError):  # reset, or gone: only this client is lost
        timed = TimedSocket(client)
        while talk.interest != OVER:
            _step(timed, talk, speaks.factory)
        part(client, talk)


def _step(timed: TimedSocket, talk: Conversation, factory: Factory) -> None:
    """Send, or else receive, until something is due."""
    due = min(talk.due, factory.due)
    if talk.interest & WRITE:
        _send(timed, talk, talk.take(time.monotonic()), due)
    elif (data := timed.receive(due)) is not None:
        _send(timed, talk, talk.received(data, time.monotonic()), due)
    if (now := time.monotonic()) >= talk.due:
        _send(timed, talk, talk.late(now), due)
    call_late(factory)


def _send(timed: TimedSocket, talk: Conversation, data: bytes | memoryview, due: float) -> None:
    if data:
        talk.sent(timed.send(data, due, talk.flags), time.monotonic())
