"""The wire: one process that carries the packets of all hosts, and makes each of them late, or loses it.

Every host's only cable is a TUN device (`iomux.system.network.tun`), and all of them end here. So the wire is an event
loop, of three kinds of event: a packet comes out of a device, a packet is due at another one, and the owner wants
something changed. It sleeps in `select` until the first of them, because its time limit counts microseconds, and that
of `epoll_wait` milliseconds (select(2), epoll_wait(2)).

What a host sends passes its *link*, which decides at once when the packet comes out at the other end:

- Some packets are lost, as often as asked, by a sequence of random numbers from a seed.
- A link of so many Mbit/s sends one packet after the other. A packet begins when the last one is gone, and the wait
  until then is the queue, which is not kept anywhere: its length in bytes is that time, times the rate. A packet that
  does not fit into the queue is dropped (drop-tail, as most routers do).
- Then it travels for the delay. No packet overtakes another one of its link, even if the delay becomes less.

Packets under way lie in a heap, the one that is due next on top. A sleeping process needs some 50 µs to wake up, so
the wire wakes up 0.1 ms early and waits for the rest awake. When a packet comes it needs the same, unless it may keep
the processors awake. Nor does it wait for programs that compute (`iomux.networks.turns`). By how much each packet was
late is counted.
Cost: some 4 µs of processor time a packet, most of it in the two system calls.
"""

import contextlib
import ctypes
import gc
import os
import select
import socket
import time
from collections import Counter
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from iomux.networks.channel import hear, tell
from iomux.networks.turns import Awake, prefer
from iomux.processes.child import receive_work
from iomux.system.network.tun import MTU

MOST_BYTES = 256 << 20
"""How much may be under way at once; what comes then is dropped, and the report says so."""
_AT_ONCE = 64  # packets from one device, before those that are due have their turn
_LONGEST_NS, _AWAKE_NS = 1_000_000_000, 100_000
_DESTINATION = slice(16, 20)  # in an IPv4 header: RFC 791, section 3.1
_SET_TIMERSLACK = 29  # linux/prctl.h
COUNTS = ("packets", "bytes", "delivered", "lost", "queue_full", "cut", "nowhere", "wire_full")


class Link:
    """What one host sends: its settings, its randomness, and what became of its packets."""

    def __init__(self, tun: int, seed: str, settings: dict[str, Any]) -> None:
        self.tun = tun
        self.random = Random(seed).random
        self.free_ns = self.last_due_ns = 0  # when the last packet has left, and when it arrives
        self.counts = dict.fromkeys(COUNTS, 0)
        self.set(settings)

    def set(self, settings: dict[str, Any]) -> None:
        """Change the settings for the packets that come from now on; those under way have left."""
        self.delay_ns = int(settings["delay_ms"] * 1e6)
        self.ns_a_byte = 8e3 / settings["rate_mbit"] if settings["rate_mbit"] else 0.0
        self.queue_bytes, self.loss, self.is_cut = settings["queue_bytes"], settings["loss"], settings["cut"]

    def due_ns(self, size: int, now: int) -> int:
        """When a packet of this size arrives at the other end; 0 if it never does."""
        self.counts["packets"] += 1
        self.counts["bytes"] += size
        begins = max(now, self.free_ns)
        if self.is_cut:
            self.counts["cut"] += 1
        elif self.loss and self.random() < self.loss:
            self.counts["lost"] += 1
        elif self.ns_a_byte and (begins - now) / self.ns_a_byte + size > self.queue_bytes:
            self.counts["queue_full"] += 1
        else:
            self.free_ns = begins + int(size * self.ns_a_byte)
            self.last_due_ns = max(self.last_due_ns, self.free_ns + self.delay_ns)
            return self.last_due_ns
        return 0


class Wire:
    """The links of all hosts, by the address of each, and the packets that are under way."""

    def __init__(self, links: dict[bytes, Link]) -> None:
        self.links = links
        self.late_us: Counter[int] = Counter()
        self._from = {link.tun: link for link in links.values()}
        self._flights: list[tuple[int, int, bytes, Link]] = []
        self._numbers, self._bytes = count(), 0
        self._awake = Awake()

    def carry(self, owner: socket.socket) -> None:
        """Carry packets, and do what the owner asks for, until it is gone."""
        watched = [*self._from, owner.fileno()]
        while True:
            ready, _, _ = select.select(watched, [], [], self._seconds_left())
            now = time.monotonic_ns()
            if ready or self._flights:
                self._awake.hold()
            else:  # a second without a packet
                self._awake.release()
            for descriptor in ready:
                if descriptor != owner.fileno():
                    self._take(self._from[descriptor], now)
                elif not self._obey(owner):
                    return
            self._deliver()

    def _seconds_left(self) -> float:
        """How long to sleep. The last bit of it is spent awake, as a sleep ends late."""
        due = self._flights[0][0] - time.monotonic_ns() if self._flights else _LONGEST_NS
        return max(due - _AWAKE_NS, 0) / 1e9

    def _take(self, link: Link, now: int) -> None:
        """Take the packets that lie in a host's device. The first one lay there at `now`, when `select` returned."""
        for number in range(_AT_ONCE):
            try:
                packet = os.read(link.tun, MTU)
            except BlockingIOError:
                return
            if number:
                now = time.monotonic_ns()
            if self._bytes > MOST_BYTES:
                link.counts["wire_full"] += 1
            elif due := link.due_ns(len(packet), now):
                heappush(self._flights, (due, next(self._numbers), packet, link))
                self._bytes += len(packet)

    def _deliver(self) -> None:
        """Hand over the packets that are due."""
        while self._flights and (late := time.monotonic_ns() - self._flights[0][0]) >= 0:
            _, _, packet, link = heappop(self._flights)
            self._bytes -= len(packet)
            to = self.links.get(packet[_DESTINATION])
            if to is None:
                link.counts["nowhere"] += 1
            elif link.is_cut or to.is_cut:
                link.counts["cut"] += 1
            else:
                self._hand_over(packet, link, to, late)

    def _hand_over(self, packet: bytes, link: Link, to: Link, late: int) -> None:
        try:
            os.write(to.tun, packet)
        except OSError:  # somebody has taken the device down
            link.counts["nowhere"] += 1
        else:
            link.counts["delivered"] += 1
            self.late_us[_rounded(late // 1000)] += 1

    def _obey(self, owner: socket.socket) -> bool:
        """Do one thing for the owner; False if it is gone."""
        try:
            what, *arguments = hear(owner)[0]
        except EOFError:
            return False
        links = list(self.links.values())
        if what == "set":
            for number, settings in arguments[0].items():
                links[number].set(settings)
        under_way = Counter(flight[3].tun for flight in self._flights)
        counts = [link.counts | {"in_flight": under_way[link.tun]} for link in links]
        with contextlib.suppress(BrokenPipeError):  # it is gone, as the next question will tell
            tell(owner, {"links": counts, "late_us": dict(self.late_us), "cpu_s": time.process_time()})
        return True


def _rounded(us: int) -> int:
    """To the microsecond below a millisecond, to the millisecond above, so that a report stays short."""
    return us if us < 1000 else min(us // 1000 * 1000, 10_000_000)


def main() -> None:
    """In the wire's process: carry packets between the devices that come over standard input, until the owner ends."""
    work = receive_work()
    ctypes.CDLL(None).prctl(_SET_TIMERSLACK, 1, 0, 0, 0)  # else a sleep is 50 µs longer than asked (prctl(2))
    prefer()
    gc.disable()  # nothing here refers to itself in a circle
    low = [os.dup(number) for number in (*work["tuns"], work["owner"])]  # select takes no number above 1,023
    *tuns, owner = low
    links = {
        address: Link(tun, f"{work['seed']} {number}", settings)
        for number, (address, tun, settings) in enumerate(zip(work["addresses"], tuns, work["settings"], strict=True))
    }
    Wire(links).carry(socket.socket(fileno=owner))
