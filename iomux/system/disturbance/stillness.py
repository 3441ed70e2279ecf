"""When the load generator itself stood still, and when no reply came: two faults that look like a slow server.

A generator that is stopped (SIGSTOP), or whose core is taken for long, sends late and reads late: it sees great
latencies, and all of them are its own. It can tell by its clock, because it never waits longer than a tick and has
little to do at each reply. A server that stands still is the opposite: the generator's loop turns, requests are under
way, and no reply comes.
"""

from typing import NamedTuple

STILL_NS = 50_000_000
"""A pause that no work of the generator explains, from here on: a scheduler's slice is some 3 ms, its tick 20 ms."""
SILENT_NS = 200_000_000
"""A time without any reply that is noted: as long as TCP's least time-out (RTO_MIN, include/net/tcp.h)."""
_EVENT_NS = 100_000  # for one reply of a batch, ten times what it takes
_BATCH = 1023  # the most events of one call (select.epoll.poll: FD_SETSIZE - 1)


class Span(NamedTuple):
    """A span of time, in nanoseconds of the generator's clock."""

    begin: int
    end: int

    @property
    def length(self) -> int:
        """How long it was."""
        return self.end - self.begin

    def after(self, start: int) -> "Span":
        """The same, counted from `start`."""
        return Span(max(self.begin - start, 0), self.end - start)

    def without(self, others: list["Span"]) -> int:
        """How long it was but for the time in common with some others, which do not overlap."""
        return self.length - sum(max(min(self.end, one.end) - max(self.begin, one.begin), 0) for one in others)


class Stillness:
    """What stood still in one run: the generator (`ours`), or all replies while a request was under way (`silent`)."""

    def __init__(self, active: int, tick_seconds: float) -> None:
        self.ours: list[Span] = []
        self.silent: list[Span] = []
        self._awake = 0
        self._longest_turn_ns = int(tick_seconds * 1e9) + STILL_NS + _EVENT_NS * min(active, _BATCH)

    def begin(self, now: int) -> None:
        """Drop what was noted; the loop turns from now on."""
        self._awake = now
        del self.ours[:], self.silent[:]

    def turned(self, now: int) -> None:
        """The loop has just waited for events: note if this turn took longer than waiting and work can take."""
        before, self._awake = self._awake, now
        if now - before > self._longest_turn_ns:
            self.ours.append(Span(before, now))

    def no_reply(self, last: int, sent: int, now: int) -> None:
        """A request sent at `sent` is not answered before `now`, and the last reply came at `last`."""
        span = Span(max(last, sent), now)
        if span.length > SILENT_NS:
            self.silent.append(span)

    def ended(self, last: int, sent: list[int], end: int) -> None:
        """The run was planned until `end`; sent: when each request was sent that has no answer yet."""
        if sent:
            self.no_reply(last, min(sent), end)

    def longest_silence(self) -> Span | None:
        """The longest time without a reply in which the generator itself ran; None if there is none."""
        found = max(self.silent, key=lambda span: span.without(self.ours), default=None)
        return found if found and found.without(self.ours) > SILENT_NS else None
