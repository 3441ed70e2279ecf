"""The load generator: a process of its own that asks, waits for the answers, and times them.

*Closed loop*: each active client sends its next request when it has the answer to the last. A slow server
is then asked less often, and a stall is one slow sample however many requests it would have hit.

*Open loop*: requests are planned at a fixed rate, and a request's *response time* counts from its planned
time, whether or not it could be sent then. The time from actually sending it is the *service time*.
Reporting the second where the first is meant is called coordinated omission (Gil Tene).

Cost: one epoll_wait a batch, one recv, one send, two readings of the clock a request. In the open loop it
spins when the next planned time is near, because epoll_wait wakes to the millisecond (epoll_wait(2)).
"""

import select
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from iomux.harness.load.clients import Client, Lost, kind_of, payloads
from iomux.servers.connection import CHUNK_BYTES

perf_ns = time.perf_counter_ns
SECOND = 1_000_000_000
_TICK = 0.02  # seconds between two looks at the clock while nothing happens
_SPIN_NS = 2_000_000
_PAUSE_NS = 300_000_000  # between warm-up and measurement, at most
_UNASKED = "planned on a lost connection"
IN, OUT = select.POLLIN, select.POLLOUT


class Generator:
    """The active clients of one run, and what they saw: response and service times in nanoseconds."""

    def __init__(self, active: list[Client], size: int, spin: bool, errors: Counter[str]) -> None:
        self.errors = errors
        self.response_ns = array("q")
        self.service_ns = array("q")
        self.late_ns = array("q")
        self.now = 0  # when the last reply was whole
        self._active = active
        self._spin_ns = _SPIN_NS if spin else 0
        self._next_payload = payloads(size).__next__
        self._chunk = min(size, CHUNK_BYTES)
        self._clients = {client.sock.fileno(): client for client in active}
        self._poller, self._poll = quickest_poller()
        for fd in self._clients:
            self._poller.register(fd, IN)

    def closed_loop(self, until: int) -> None:
        """Keep every client asking until the clock says `until`; those with no request in flight begin."""
        for client in self._clients.copy().values():
            if not client.payload:
                self._ask(client)
        while perf_ns() < until:
            for client in self._answered(_TICK):
                self._ask(client)

    def until_answered(self, requests: int, patience: float, seconds: float) -> None:
        """Closed loop until so many are answered; ends early after `seconds`, or `patience` seconds of silence."""
        until = perf_ns() + int(seconds * SECOND)
        for client in self._clients.copy().values():
            if not client.payload:
                self._ask(client)
        asked = max((client.asked_ns for client in self._clients.values()), default=0)
        while len(self.response_ns) < requests and self._clients and (now := perf_ns()) < until:
            if now - max(self.now, asked) > patience * SECOND:
                return
            for client in self._answered(_TICK):
                self._ask(client)

    def open_loop(self, begin: int, until: int, rate: float) -> None:
        """Send at the planned times from `begin` to `until`, each client in its turn; a busy one sends when free."""
        number, planned = 0, begin
        while planned < until and self._clients:
            now = perf_ns()
            while planned <= min(now, until - 1):
                client = self._active[number % len(self._active)]
                client.waiting.append(planned)
                if not client.payload and client.sock.fileno() >= 0:
                    self.late_ns.append(now - planned)
                    self._ask_planned(client)
                number += 1
                planned = begin + int(number * SECOND / rate)
            sleep = planned - now - self._spin_ns  # awake early: whoever sleeps to the end is late each time
            self._answer_planned(min(max(sleep, 0) / SECOND, _TICK))
        if planned < until:  # nobody is left to ask: what was planned is not forgotten
            self.errors[_UNASKED] += int((until - planned) * rate / SECOND) + 1

    def drain(self, deadline: float) -> None:
        """Take the answers that are still to come, for at most `deadline` seconds after the last was asked for."""
        pending = [client for client in self._clients.values() if client.payload]
        waiting = any(client.waiting for client in pending)
        since = perf_ns() if waiting else max((client.asked_ns for client in pending), default=0)
        self._take_answers(since + int(deadline * SECOND))
        for client in self._active:
            if client.payload:
                self.errors["no reply by the deadline"] += 1 + len(client.waiting)
            elif client.waiting:
                self.errors[_UNASKED] += len(client.waiting)

    def drain_in_flight(self, seconds: float) -> None:
        """Take the answers that are under way, for at most so long: a simple server may not survive a reset."""
        self._take_answers(perf_ns() + int(seconds * SECOND))

    def end_warmup(self) -> None:
        """Let what is under way be answered and drop all samples, and what was planned and could not be sent.

        A client that is not answered in this time goes on waiting; its deadline counts from when it asked.
        """
        for client in self._active:
            client.waiting.clear()
        self._take_answers(perf_ns() + _PAUSE_NS)
        del self.response_ns[:], self.service_ns[:], self.late_ns[:]

    def _take_answers(self, until: int) -> None:
        while perf_ns() < until and any(client.payload for client in self._clients.values()):
            self._answer_planned(_TICK)

    def _answered(self, seconds: float) -> Iterator[Client]:
        """Wait for answers; yield each client whose reply is whole and right, its response time recorded."""
        clients, chunk, record = self._clients, self._chunk, self.response_ns.append
        for fd, event in self._poll(seconds):
            client = clients[fd]
            try:
                if event & OUT:
                    self._send_rest(client)
                    if not event & ~OUT:
                        continue
                data = client.recv(chunk)
                if data != client.awaited and not client.piece(data):
                    continue
            except BlockingIOError:
                continue
            except (OSError, Lost) as error:
                self._lose(client, error)
                continue
            self.now = now = perf_ns()
            record(now - client.planned_ns)
            client.served = True
            yield client

    def _ask(self, client: Client) -> None:
        client.payload = client.awaited = payload = self._next_payload()
        client.planned_ns = client.asked_ns = perf_ns()
        try:
            sent = client.send(payload)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(client, error)
            return
        if sent != len(payload):
            client.unsent = memoryview(payload)[sent:]
            self._poller.modify(client.sock.fileno(), IN | OUT)

    def _ask_planned(self, client: Client) -> None:
        self._ask(client)
        client.planned_ns = client.waiting.popleft()

    def _answer_planned(self, seconds: float) -> None:
        for client in self._answered(seconds):
            self.service_ns.append(self.now - client.asked_ns)
            client.payload, client.awaited = b"", None  # whatever comes now was not asked for
            if client.waiting:
                self._ask_planned(client)

    def _send_rest(self, client: Client) -> None:
        client.unsent = client.unsent[client.send(client.unsent) :]
        if not client.unsent:
            self._poller.modify(client.sock.fileno(), IN)

    def _lose(self, client: Client, error: Exception) -> None:
        fd = client.sock.fileno()
        self.errors[kind_of(error)] += 1
        self._poller.unregister(fd)
        del self._clients[fd]
        client.sock.close()
        client.payload = b""


def quickest_poller() -> tuple[Any, Callable[[float], list[tuple[int, int]]]]:
    """The quickest poller of this system, and its waiting call, which takes seconds."""
    if hasattr(select, "epoll"):
        epoll = select.epoll()
        return epoll, epoll.poll
    poll = select.poll()
    return poll, lambda seconds: poll.poll(seconds * 1000)
