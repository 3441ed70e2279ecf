"""The owner's end of the line to a process of the network: a question and its answer are one, whatever interrupts."""

import socket
import threading
from collections.abc import Callable
from errno import EMFILE
from typing import Any

from iomux.networks.channel import hear, tell
from iomux.processes.spawn import interrupt_held_back

SECONDS = 20.0
"""How long an answer may take, on a machine that is very busy."""


class Line:
    """It asks, from any thread, and waits for the answer."""

    def __init__(self, why_ended: Callable[[], str]) -> None:
        self._ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.settimeout(SECONDS)
        self._lock = threading.Lock()
        self._why_ended = why_ended

    def ask(self, *question: Any) -> tuple[Any, list[int]]:
        """Send a question and wait for the answer. Raises what the other end has raised, RuntimeError if it is gone.

        Ctrl-C waits until the answer is there, at most `SECONDS`: one that nobody has heard would be taken for that of
        the next question. Who asks for descriptors has to hold it back himself until they have an owner.
        """
        try:
            with interrupt_held_back(), self._lock:
                return _not_raised(*self._heard(question))
        except (EOFError, BrokenPipeError, TimeoutError):
            raise RuntimeError(self._why_ended()) from None

    def _heard(self, question: tuple[Any, ...]) -> tuple[Any, list[int]]:
        """The answer to a question. If anything comes between the two, the line is of no use any more, and closed."""
        if self._ours.fileno() < 0:
            raise EOFError
        try:
            tell(self._ours, question)
            return hear(self._ours)
        except BaseException as error:
            if getattr(error, "errno", None) != EMFILE:  # then the answer has come, if not all that it brought
                self._ours.close()
            raise

    def answer(self) -> tuple[Any, list[int]]:
        """Wait for one answer. Raises it, if it is an exception, and EOFError if the other end is gone."""
        return _not_raised(*hear(self._ours))

    def close(self) -> None:
        """Close both ends."""
        self._ours.close()
        self.theirs.close()


def _not_raised(answer: Any, descriptors: list[int]) -> tuple[Any, list[int]]:
    if isinstance(answer, Exception):
        raise answer
    return answer, descriptors
