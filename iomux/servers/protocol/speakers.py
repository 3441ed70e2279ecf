"""The clients of a readiness loop that speak a protocol: what comes to them outside of their own turns.

That is a deadline, bytes that another client's turn says to them, and that they are let go when descriptors run short,
so that newcomers are served. What was said is sent after the turn that said it, once for each client; the rest is done
between two waits of the loop, never in the middle of a batch of turns.

Cost: a look at the next deadline for each wake-up of the loop. A newcomer has its first turn before it is watched: if
what it asks is there already, who leaves after one answer costs no change of the interest list. It is there if the
server is behind its clients, or if a network lies between them; else the turn is a read in vain. So after one of these
the next newcomers have none.
"""

import socket
from collections.abc import Iterator

from iomux.servers.protocol import NEVER, Speaks
from iomux.servers.protocol.deadlines import Deadlines
from iomux.servers.protocol.idle import LongestIdle
from iomux.servers.protocol.interest import OVER, READ, log_error
from iomux.servers.protocol.speaker import Speaker

WATCHED_AT_ONCE = 15
"""So many newcomers have no first turn after one that came without a question."""
RETRY_SECONDS = 1.0
"""After an error of the factory's `late`, it is called again so much later: its `due` has not moved."""


class Speakers:
    """The clients of one loop, and what they share."""

    def __init__(self, speaks: Speaks) -> None:
        self.speaks = speaks
        """The factory, and what one client may take of the server."""
        self.deadlines = Deadlines()
        self.woken: list[Speaker] = []
        """Those to whom something was said that is not sent yet."""
        self._by_fd: dict[int, Speaker] = {}
        self._watch_at_once = 0
        self._factory_from = 0.0  # it is not due before
        self.touched: list[Speaker] = []
        """Those for whom something was done outside of their own turn, since `changed` was asked."""
        self._idle = LongestIdle(self._by_fd)

    def admit(self, client: socket.socket) -> Speaker | None:
        """A newcomer, with its protocol object, and maybe after its first turn; None if it has left in it, or if the
        factory made none: then the traceback is in the log."""
        try:
            speaker = Speaker(client, self)
        except Exception:
            log_error()
            client.close()
            return None
        self._by_fd[speaker.fd] = speaker
        if self._watch_at_once:
            self._watch_at_once -= 1
            return speaker
        speaker.advance()
        if speaker.interest == OVER:
            speaker.close()
            return None
        if speaker.interest == READ and speaker.drained:
            self._watch_at_once = WATCHED_AT_ONCE
        return speaker

    def forget(self, speaker: Speaker) -> None:
        """A client is gone."""
        self._by_fd.pop(speaker.fd, None)

    def send_what_was_said(self) -> None:
        """Send each client what was said to it, as far as that goes without waiting."""
        while self.woken:
            speaker = self.woken.pop()
            speaker.push()
            self.touched.append(speaker)

    def next_due(self) -> float:
        """When to call `tell_the_late`, in seconds of time.monotonic()."""
        due, factory_due = self.deadlines.next, self.speaks.factory.due
        return due if factory_due == NEVER else min(due, max(factory_due, self._factory_from))

    def tell_the_late(self, now: float) -> None:
        """Call what is due now, of each client and of the factory."""
        for fd in self.deadlines.expired(now, self._due_of):
            speaker = self._by_fd[fd]
            if speaker.talk.late(now):
                self.woken.append(speaker)
            else:  # nothing is sent: who is not ready to take it is not tried
                self.touched.append(speaker)
        if max(self.speaks.factory.due, self._factory_from) <= now:
            try:
                self.speaks.factory.late(now)
            except Exception:
                log_error()
                self._factory_from = now + RETRY_SECONDS
        self.send_what_was_said()

    def changed(self) -> Iterator[Speaker]:
        """Those whose `interest` has changed outside of their own turn."""
        touched, self.touched = self.touched, []
        for speaker in touched:
            if self._by_fd.get(speaker.fd) is speaker and speaker.settle():
                yield speaker

    def longest_idle(self, now: float) -> list[Speaker]:
        """Some clients that may be let go, longest idle first."""
        return self._idle.some(now)

    def _due_of(self, fd: int) -> float | None:
        return self._by_fd[fd].talk.due if fd in self._by_fd else None
