"""Threaded, with a protocol object for each client: one thread at a time is in any of them, while all others wait.

The protocol objects of one factory share what it keeps, so one lock is held for each call of one, and for nothing that
may wait: a thread sleeps in `recv` and `send` without it. Here the lock is the *condition* on which one more thread
sleeps, the clock of what belongs to no client.

A client's thread sleeps in `recv` when another thread has something to say to the client. Only its socket can wake it,
so one more thread sends what is said, and ends. Should both want to send, one takes bytes and sends them, and the other
waits meanwhile.

Cost: for each request two system calls, as in `blocking`, and some four times the lock. Sources: socket(7),
shutdown(2); the library reference, threading.
"""

import contextlib
import functools
import socket
import threading
import time
from typing import NoReturn

from iomux.servers.blocking import accept_one
from iomux.servers.carriers.blocking import TimedSocket, seconds_until
from iomux.servers.carriers.meeting import call_late, meet
from iomux.servers.connection import OVER, READ, REFUSED, WRITE, log_error
from iomux.servers.protocol import Speaks
from iomux.servers.protocol.idle import SPARE, LongestIdle
from iomux.servers.protocol.parting import part
from iomux.system.sockets import descriptor_limit

_GIVE_WAY_SECONDS = 1e-6
"""Some 50 µs in fact. A thread that only lets go of the interpreter lock, as in `send`, has it again before another one
has woken up, and its turns would follow one another for 5 ms (sys.getswitchinterval)."""


class _Turn:
    """The lock that a thread holds while it is in any protocol object, and the clock of the factory."""

    def __init__(self, speaks: Speaks) -> None:
        self.speaks = speaks
        self.clients: dict[int, _Client] = {}
        """Those that talk, by descriptor."""
        self._idle = LongestIdle(self.clients)
        self._factory = speaks.factory
        self._due = self._factory.due
        """Until when the clock sleeps."""
        self._condition = threading.Condition(threading.Lock())

    def __enter__(self) -> None:
        self._condition.acquire()

    def __exit__(self, *_: object) -> None:
        if self._factory.due < self._due:
            self._condition.notify()
        self._condition.release()

    def keep_time(self) -> NoReturn:
        """Do what belongs to no client, whenever it is due."""
        with self._condition:
            while True:
                call_late(self._factory)
                self._due = self._factory.due
                self._condition.wait(seconds_until(self._due))

    def make_room(self) -> None:
        """Let some idle clients go."""
        with self:
            for client in self._idle.some(time.monotonic()):
                client.talk.drop()
                client.wake()


class _Client:
    """One client: its thread receives and sends; another one sends what is said while that sleeps in `recv`."""

    def __init__(self, sock: socket.socket, turn: _Turn) -> None:
        self._sock, self._turn = sock, turn
        self._fd, self.since = sock.fileno(), time.monotonic()
        self._timed = TimedSocket(sock)
        self._sending = threading.Lock()
        self._receiving = False
        self._data: bytes | None = None
        """What has arrived and is not wanted yet: meanwhile another thread has got something to send."""
        self._teller: threading.Thread | None = None

    def converse(self) -> None:
        """Talk to the client until its connection is over; then close."""
        with self._turn:
            talk = meet(self._turn.speaks, functools.partial(self._sock.shutdown, socket.SHUT_WR), self.wake)
            if talk is None:
                self._sock.close()
                return
            self.talk = talk
            self._turn.clients[self._fd] = self
        with contextlib.suppress(OSError):  # reset, or gone: only this client is lost
            while talk.interest != OVER:
                self._step()
        self._leave()

    def _step(self) -> None:
        """Send, or else receive, until something is due."""
        with self._turn:
            self._receiving = self.talk.interest == READ and self._data is None
        if self._receiving:
            self._data = self._timed.receive(self.talk.due)
            self._receiving = False
        if self._data is not None and self.talk.interest == READ:
            self._feed(self._data)
        elif self.talk.interest & WRITE:
            self._send()
            if self.talk.interest & WRITE and len(self._turn.clients) > 1:  # its turn is over
                time.sleep(_GIVE_WAY_SECONDS)
        self._call_late()

    def _feed(self, data: bytes) -> None:
        with self._sending:  # so that what is to be sent now is not being sent by another thread
            with self._turn:
                if self.talk.interest != READ:  # something was said just now
                    return
                self._data, self.since = None, time.monotonic()
                piece = self.talk.received(data, self.since)
            self._send_piece(piece)

    def _send(self) -> None:
        with self._sending:
            with self._turn:
                piece = self.talk.take(time.monotonic())
            self._send_piece(piece)

    def _send_piece(self, piece: bytes | memoryview) -> None:
        if piece:
            size = self._timed.send(piece, self.talk.due, self.talk.flags)
            with self._turn:
                self.talk.sent(size, time.monotonic())

    def _call_late(self) -> None:
        if (now := time.monotonic()) >= self.talk.due:
            with self._turn:
                if now >= self.talk.due:  # the other thread may have called it meanwhile
                    self.talk.late(now)  # what it has to say is taken in the next step

    def wake(self) -> None:
        """Something was said to this client, in its own turn or another one's, or it is dropped. The lock is held."""
        if self.talk.interest == OVER:  # end the calls in which its threads sleep
            self._cut()
        elif self._receiving and self._teller is None:
            self._teller = threading.Thread(target=self._tell, daemon=True)
            try:
                self._teller.start()
            except RuntimeError as error:  # "can't start new thread"
                log_error(f"iomux: a client is dropped, to which nothing can be said: {error}")
                self._cut()

    def _tell(self) -> None:
        """Send what is said while the client's own thread receives."""
        with contextlib.suppress(OSError):
            while self._has_words():
                self._send()
                self._call_late()

    def _has_words(self) -> bool:
        with self._turn:
            if self.talk.interest & WRITE:
                return True
            if self.talk.interest == OVER:
                self._cut()
            self._teller = None
            return False

    def _cut(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _leave(self) -> None:
        with self._turn:
            self._receiving, teller = False, self._teller
            del self._turn.clients[self._fd]
        if teller is not None and teller.is_alive():
            self._cut()
            teller.join()  # it must not send to the next client that gets the number of this socket
        part(self._sock, self.talk)
        with self._turn:
            self.talk.close()


def serve(listener: socket.socket, speaks: Speaks) -> NoReturn:
    """Serve each client of `listener` in a separate thread. Never returns."""
    listener.setblocking(True)
    turn = _Turn(speaks)
    threading.Thread(target=turn.keep_time, daemon=True).start()
    while True:
        client = accept_one(listener, turn.make_room)
        if client.fileno() >= descriptor_limit() - SPARE:
            turn.make_room()
        try:
            threading.Thread(target=_Client(client, turn).converse, daemon=True).start()
        except RuntimeError as error:  # "can't start new thread": a limit of the machine, pthread_create(3)
            client.close()
            log_error(f"iomux: {REFUSED}, and others may be: {error}")
