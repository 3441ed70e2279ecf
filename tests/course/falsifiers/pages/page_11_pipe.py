"""Worlds for 11, when it breaks: a send to a client that has gone, and the signal that comes with it."""

import signal
from functools import partial
from typing import Any

from tests.course.falsifiers.pages.page_11_bugs import PAGE as PAGE
from tests.course.falsifiers.world import World

FIRST = "the first send is taken, the two others fail with EPIPE"
KILLED = "with the signal's usual action the send ends the process, and nothing is written"
RAISED = "with MSG_NOSIGNAL, and with the signal ignored, the send raises BrokenPipeError"
_ERROR = (1, "BrokenPipeError: [Errno 32] Broken pipe")


def fates(*found: str) -> World:
    return World(f"the sends are {', '.join(found)}", "pipe-taken", {FIRST: False}, lambda: {"fates": list(found)})


def ends(
    usual: tuple[int, str] = (-signal.SIGPIPE, ""),
    ignored: tuple[int, str] = _ERROR,
    flagged: tuple[int, str] = _ERROR,
) -> dict[str, Any]:
    """How a program ended that writes to nobody: with which status, and with which last line."""
    return {"ends": {"usual action": usual, "ignored": ignored, "MSG_NOSIGNAL": flagged}}


def of_programs(name: str, answers: dict[str, bool], **other: tuple[int, str]) -> World:
    return World(name, "pipe-verdicts", {KILLED: True, RAISED: True} | answers, partial(ends, **other))


WORLDS = (
    fates("EPIPE", "EPIPE", "EPIPE"),
    fates("taken", "ECONNRESET", "EPIPE"),
    fates("taken", "taken", "taken"),
    of_programs("the usual action is an error", {KILLED: False}, usual=_ERROR),
    of_programs("another signal", {KILLED: False}, usual=(-signal.SIGTERM, "")),
    of_programs("the flag does nothing", {RAISED: False}, flagged=(-signal.SIGPIPE, "")),
    of_programs("who ignores the signal is told nothing", {RAISED: False}, ignored=(0, "")),
)
