"""Find the shortest conversation that still fails: each is tried on the server as it is, what fails on a fresh one."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from iomux.conformance.evidence.candidates import SIZES
from iomux.conformance.evidence.conversation import Conversation, alone
from iomux.conformance.evidence.replay import Failure, replay
from iomux.conformance.trial.subject import Subject


@dataclass(frozen=True)
class Fresh:
    """A server that has just been started."""

    subject: Subject
    ended: Callable[[], str]
    """Why it has ended, or is about to end; empty if it goes on."""


Start = Callable[[], AbstractContextManager[Fresh]]
"""Starts the server afresh, for a `with`."""

MOST_FAILED = 16
"""How many conversations may fail before the search ends: each costs a wait and a start, some 0.3 s."""
ENDED = ("the server ended", "the server was")
"""How a text begins that says how the server ended."""
_MORE_SECONDS = 2.0  # to try again what has failed at the last moment
_PATIENCE_SECONDS, _SURE_SECONDS = 1.0, 1.5


@dataclass(frozen=True)
class Found:
    """The shortest conversation that fails, and how."""

    conversation: Conversation
    failure: Failure


class Search:
    """Tries conversations on one server after the other. `until`: the monotonic time at which it gives up."""

    def __init__(self, start: Start, until: float, seen: str) -> None:
        self._start, self._until, self._seen = start, until, seen
        self._failed = 0
        self._open = contextlib.ExitStack()
        self._server: Fresh | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator["Search"]:
        """Stop the last server at the end."""
        with contextlib.closing(self._open):
            yield self

    def fails(self, conversation: Conversation, sure: bool = False) -> Failure | None:
        """How the conversation fails; sure: on a fresh server, which gets time to think."""
        if sure or self._server is None:
            self._open.close()
            self._server = self._open.enter_context(self._start())
        patience = _SURE_SECONDS if sure else _PATIENCE_SECONDS
        over = self._until + (_MORE_SECONDS if sure else 0)
        try:
            failure = replay(conversation, self._server.subject, patience, not sure, over)
        except TimeoutError:
            self._failed = MOST_FAILED
            return None
        if failure:  # it may have harmed the server
            self._failed += 1
            in_the_same_way = not sure or self._alike(self._server)
            self._open.close()
            self._server = None
            return failure if in_the_same_way else None
        return None

    def _alike(self, server: Fresh) -> bool:
        """Whether the server ended as it had in the item, if it ended there: it may have more than one fault."""
        if not self._seen.startswith(ENDED):
            return True
        end = server.ended()
        return bool(end) and (end in self._seen or self._seen in end)

    @property
    def over(self) -> bool:
        """Whether nothing more should be tried."""
        return self._failed >= MOST_FAILED or time.monotonic() > self._until


def shortest(candidates: Iterable[Conversation], start: Start, until: float, seen: str = "") -> Found | None:
    """The first candidate that fails twice, the second time on a fresh server; None if none does in time.

    A single message is then made as small as possible. seen: what the item's clients saw; if the server ended there, it
    has to end in the same way here. Raises what `start` raises.
    """
    with Search(start, until, seen).running() as search:
        passed = set[int]()
        for conversation in candidates:
            if search.over:
                return None
            size = _letters(conversation)
            if not search.fails(conversation):
                passed.add(size)
            elif failure := search.fails(conversation, sure=True):
                found = _without_the_earlier(Found(conversation, failure), search)
                return _smaller(found, max((n for n in passed if n < size), default=0), search)
    return None


def _without_the_earlier(found: Found, search: Search) -> Found:
    """Leave out what comes after the step that failed; and what was asked before it, if it fails without that."""
    lines = found.conversation[: found.failure.line + 1]
    begin = next((number for number, line in enumerate(lines) if line.do not in ("connect", "meet")), len(lines))
    asked = all(line.do == "expect" for line in lines[begin + 1 :: 2]) and lines[-1].do == "expect"
    if asked and len(lines) > begin + 2:
        short = (*lines[:begin], *lines[-2:])
        if failure := search.fails(short, sure=True):
            return Found(short, failure)
    return Found(lines, found.failure)


def _letters(conversation: Conversation) -> int:
    """The size of a message of one letter, if there is nothing else to a conversation, else 0."""
    data = conversation[1].data if len(conversation) == 3 else b""
    return len(data) if data == b"a" * len(data) and conversation == alone(data) else 0


def _smaller(found: Found, passed: int, search: Search) -> Found:
    """Halve the distance between a size that passes and one that fails, while they are apart."""
    failed = _letters(found.conversation)
    if not failed or failed > SIZES[-1]:
        return found
    best = found
    while failed - passed > 1 and not search.over:
        middle = (failed + passed) // 2
        if search.fails(alone(b"a" * middle)):
            failed = middle
        else:
            passed = middle
    if failed < _letters(found.conversation) and (failure := search.fails(alone(b"a" * failed), sure=True)):
        best = Found(alone(b"a" * failed), failure)
    return best
