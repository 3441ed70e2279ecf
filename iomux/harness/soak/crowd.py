"""All clients of a soak in one event loop: which are ready, rested, too long silent, or next to connect.

The loop needs only readiness and a heap of pauses: hundreds of clients, each at another point of its scenario, cost
two system calls a step. A client that pauses is off the interest list, so a server that has bytes for it does not
wake the loop. New clients connect at a bounded rate, because a port that was closed in order is kept for a minute
(TIME_WAIT, RFC 9293, section 3.6.1), and there are some 28,000 (ip(7), ip_local_port_range).
"""

import contextlib
import heapq
import itertools
import time
from dataclasses import dataclass

from iomux.harness.load.clients import quickest_poller
from iomux.harness.load.generator import IN, OUT
from iomux.harness.soak.client import STILL_OWED, Failed, SoakClient
from iomux.harness.soak.dialogue import Speak
from iomux.harness.soak.scenario import pool_of, scenario
from iomux.harness.soak.tally import Tally

ROUND_SECONDS = 0.02
"""The longest wait for readiness."""
MOST_CONNECTS_PER_S = 300
"""The most new clients a second."""
_LONGEST_ROUND = 0.1  # if a round takes longer, this process itself was delayed: that is not the server's silence


@dataclass(slots=True, eq=False)
class _Entry:
    """The loop's state of one client."""

    client: SoakClient
    progressed: float
    """When the server last did something for it."""
    interest: int = 0
    wakes: float = 0.0
    """When the end of its pause is checked next."""


class Crowd:
    """The clients that are connected now, and the number of the next."""

    def __init__(self, address: tuple[str, int], speak: Speak, seed: int, deadline: float, tally: Tally) -> None:
        self._address, self._speak, self._seed, self._deadline, self._tally = address, speak, seed, deadline, tally
        self._pool = pool_of(seed)
        self._numbers = itertools.count()
        self._poller, self._poll = quickest_poller()
        self._here: dict[int, _Entry] = {}  # by descriptor
        self._pauses: list[tuple[float, int, int, _Entry]] = []
        self._order = itertools.count()
        self._now = self._patience = time.monotonic()
        self._next_connect = 0.0

    def __len__(self) -> int:
        return len(self._here)

    def admit(self, most: int) -> None:
        """Connect more clients, at a bounded rate, while there are fewer than `most`."""
        while len(self._here) < most and self._next_connect <= self._now and not self._tally.enough:
            self._next_connect = max(self._next_connect, self._now - ROUND_SECONDS) + 1 / MOST_CONNECTS_PER_S
            task = scenario(self._seed, next(self._numbers), most)
            client = SoakClient(self._speak(task, self._pool), self._address, self._tally)
            fd = client.sock.fileno()
            self._here[fd] = entry = _Entry(client, self._patience)
            self._tally.at_once = max(self._tally.at_once, len(self._here))
            self._step(fd, entry)

    def round(self) -> None:
        """Wait briefly for readiness, and let each client that is ready, or whose pause is over, do its next step."""
        rest = self._pauses[0][0] - time.monotonic() if self._pauses else ROUND_SECONDS
        ready = self._poll(min(max(rest, 0.0), ROUND_SECONDS))
        before, self._now = self._now, time.monotonic()
        self._patience += min(self._now - before, _LONGEST_ROUND)
        for fd, _ in ready:
            self._step(fd, self._here[fd])
        while self._pauses and self._pauses[0][0] <= self._now:
            _, _, fd, entry = heapq.heappop(self._pauses)
            if not entry.client.over:
                self._step(fd, entry)

    def drop_the_silent(self) -> None:
        """Count as failed each client for which the server has done nothing until the deadline."""
        for fd, entry in list(self._here.items()):
            if self._patience - entry.progressed > self._deadline:
                self._fail(fd, entry.client, entry.client.silence(self._deadline))

    def hurry(self) -> None:
        """Let no client pause from now on."""
        for entry in self._here.values():
            entry.client.hurry()

    def drop_the_rest(self, seconds: float) -> None:
        """Count clients that are still connected after `seconds` of leaving as failed, unless enough have failed."""
        for fd, entry in list(self._here.items()):
            if self._tally.enough:
                entry.client.sock.close()
                self._forget(fd)
            else:
                owed = Failed(STILL_OWED, f"the rest had not come {seconds:g} s after the end of the run")
                self._fail(fd, entry.client, owed)

    def _step(self, fd: int, entry: _Entry) -> None:
        client = entry.client
        done = client.sent + client.got
        try:
            client.step(self._now)
        except (OSError, Failed) as error:
            self._fail(fd, client, error)
            return
        if client.over:
            self._forget(fd)
            return
        if client.sent + client.got != done or client.read_at > self._now:
            entry.progressed = self._patience
        self._watch(fd, entry)

    def _watch(self, fd: int, entry: _Entry) -> None:
        """Register a client for the events that it waits for; one that pauses is woken by the clock."""
        client, now, before = entry.client, self._now, entry.interest
        entry.interest = interest = (IN if client.read_at <= now else 0) | (OUT if client.blocked else 0)
        if interest and not before:
            self._poller.register(fd, interest)
        elif before and not interest:
            self._poller.unregister(fd)
        elif interest != before:
            self._poller.modify(fd, interest)
        until = min((pause for pause in (client.read_at, client.send_at) if pause > now), default=now)
        if until > now and not now < entry.wakes <= until:
            entry.wakes = until
            heapq.heappush(self._pauses, (until, next(self._order), fd, entry))

    def _fail(self, fd: int, client: SoakClient, error: Exception) -> None:
        self._tally.fail(client.failure(error))
        client.over = True
        client.sock.close()
        self._forget(fd)

    def _forget(self, fd: int) -> None:
        with contextlib.suppress(OSError):  # it is closed: epoll has dropped it already, poll has not
            self._poller.unregister(fd)
        del self._here[fd]
