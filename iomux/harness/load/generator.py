"""The load generator: it sends requests from a separate process, waits for the replies, and times them.

*Closed loop*: each active client sends its next request when it has the reply to the last. A slow server
then gets fewer requests, and a stall is one slow sample however many requests it would have delayed.

*Open loop*: requests are planned before the run (`iomux.harness.load.arrivals`), and a request's *response time*
counts from its planned time, even if it was sent later. The time from the actual send is the *service time*.
Reporting the service time where the response time is meant is called coordinated omission (Gil Tene).

A planned request is sent by the client that has been free for longest, or, if none is free, by the next to be free.
If it were tied to one client, it would wait for that client's answer while others are free: a queue that is not the
server's. So the crowd is independent, and the clients are its pool of connections; one without an answer holds up one.

Cost: one epoll_wait for each batch; one recv, one send and two clock readings for each request. In the open loop it
spins when the next planned time is near, because epoll_wait has a resolution of a millisecond (epoll_wait(2)).
"""

import select
import time
from array import array
from collections import Counter, deque
from collections.abc import Iterator
from itertools import repeat

from iomux.harness.load.asking import Asking
from iomux.harness.load.clients import Client, Lost, kind_of, payloads, quickest_poller
from iomux.servers.connection import CHUNK_BYTES
from iomux.system.disturbance.stillness import SILENT_NS, Stillness

perf_ns = time.perf_counter_ns
SECOND = 1_000_000_000
_TICK_SECONDS = 0.02  # the longest wait between two readings of the clock
_SPIN_NS = 2_000_000
_PAUSE_NS = 300_000_000  # the longest pause between warm-up and measurement
_NOT_SENT = "planned on a lost connection"
IN, OUT = select.POLLIN, select.POLLOUT


class Generator:
    """The active clients of one run, and their response and service times in nanoseconds."""

    def __init__(
        self, active: list[Client], size: int, spin: bool, errors: Counter[str], asking: Asking | None = None
    ) -> None:
        self.errors = errors
        self.response_ns, self.service_ns, self.late_ns = array("q"), array("q"), array("q")
        self.now = 0  # when the last reply was complete
        self.still = Stillness(len(active), _TICK_SECONDS)
        self._active, self._free = active, deque(active)  # open loop: clients without a request, the longest free first
        self._waiting: deque[int] = deque()  # planned times of requests for which no client was free
        self._spin_ns = _SPIN_NS if spin else 0
        self._next_payload = (repeat(asking.request) if asking else payloads(size)).__next__
        self._chunk = CHUNK_BYTES if asking else min(size, CHUNK_BYTES)
        self._clients = {client.sock.fileno(): client for client in active}
        self._poller, self._poll = quickest_poller()
        for fd, client in self._clients.items():
            client.take = asking.taker() if asking else None
            self._poller.register(fd, IN)

    def closed_loop(self, until: int) -> None:
        """Let every client send requests until time `until`; those without a request in flight start."""
        for client in self._clients.copy().values():
            if not client.payload:
                self._send_request(client)
        self.still.begin(perf_ns())
        while perf_ns() < until:
            for client in self._replies(_TICK_SECONDS):
                self._send_request(client)

    def until_answered(self, requests: int, patience: float, seconds: float) -> None:
        """Run a closed loop until `requests` are answered, `seconds` have passed, or no reply came for `patience` s."""
        until = perf_ns() + int(seconds * SECOND)
        for client in self._clients.copy().values():
            if not client.payload:
                self._send_request(client)
        started = max((client.sent_ns for client in self._clients.values()), default=0)
        while len(self.response_ns) < requests and self._clients and (now := perf_ns()) < until:
            if now - max(self.now, started) > patience * SECOND:
                return
            for client in self._replies(_TICK_SECONDS):
                self._send_request(client)

    def open_loop(self, begin: int, until: int, plan: "array[int]") -> float:
        """Send at the times of `plan`, in nanoseconds after `begin`, all before `until`, and go on until then.

        Returns the share of turns in which no reply was there: with none it could not have done more.
        """
        asked = turns = spare = 0
        self.still.begin(perf_ns())
        while self._clients and ((now := perf_ns()) < until or asked < len(plan)):
            while asked < len(plan) and begin + plan[asked] <= now:
                self._ask(begin + plan[asked])
                asked += 1
            due = begin + plan[asked] if asked < len(plan) else until
            sleep = due - now - self._spin_ns  # wake up early: a sleep until the planned time always ends late
            before = len(self.response_ns)
            self._take_replies(min(max(sleep, 0) / SECOND, _TICK_SECONDS))
            turns, spare = turns + 1, spare + (len(self.response_ns) == before)
        if asked < len(plan):  # no client is left
            self.errors[_NOT_SENT] += len(plan) - asked
        return spare / max(turns, 1)

    def drain(self, deadline: float) -> None:
        """Take the outstanding replies, for at most `deadline` seconds after the last request."""
        sent = max((client.sent_ns for client in self._clients.values() if client.payload), default=0)
        self.drain_in_flight((perf_ns() if self._waiting else sent) + int(deadline * SECOND))
        if unanswered := sum(bool(client.payload) for client in self._active):
            self.errors["no reply by the deadline"] += unanswered + len(self._waiting)
        elif self._waiting:
            self.errors[_NOT_SENT] += len(self._waiting)

    def end_warmup(self) -> None:
        """Take replies under way; drop samples and unsent requests. A client without a reply waits on."""
        self._waiting.clear()
        self.drain_in_flight(perf_ns() + _PAUSE_NS)
        del self.response_ns[:], self.service_ns[:], self.late_ns[:]

    def drain_in_flight(self, until: int) -> None:
        """Take the replies under way until then at most: a reset by an earlier close can end a simple server."""
        while perf_ns() < until and any(client.payload for client in self._clients.values()):
            self._take_replies(_TICK_SECONDS)

    def _replies(self, seconds: float) -> Iterator[Client]:
        """Wait for replies; record the response time of each complete and correct one, and yield its client."""
        clients, chunk, record = self._clients, self._chunk, self.response_ns.append
        events = self._poll(seconds)
        self.still.turned(perf_ns())
        for fd, event in events:
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
            last, self.now = self.now, (now := perf_ns())
            if now - last > SILENT_NS:
                self.still.no_reply(last, client.sent_ns, now)
            record(now - client.planned_ns)
            client.served = True
            yield client

    def _send_request(self, client: Client) -> None:
        client.payload = client.awaited = payload = self._next_payload()
        client.planned_ns = client.sent_ns = perf_ns()
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

    def _ask(self, planned: int) -> None:
        """Let a free client send the request that was planned for this time; it waits if none is free."""
        self._waiting.append(planned)
        while self._free:
            client = self._free.popleft()
            if client.sock.fileno() >= 0:  # it was not lost meanwhile
                self._send_planned(client)
                self.late_ns.append(client.sent_ns - planned)
                return

    def _send_planned(self, client: Client) -> None:
        self._send_request(client)
        client.planned_ns = self._waiting.popleft()

    def _take_replies(self, seconds: float) -> None:
        for client in self._replies(seconds):
            self.service_ns.append(self.now - client.sent_ns)
            client.payload, client.awaited = b"", None  # bytes that arrive now belong to no request
            if self._waiting:
                self._send_planned(client)
            else:
                self._free.append(client)

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
