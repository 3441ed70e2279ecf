"""Worlds for 03b, signals and timers."""

import os
import signal
from types import SimpleNamespace
from typing import Any

from tests.course.falsifiers.world import World

PAGE = "03b_signals_and_timers.ipynb"
BROKEN, ON = "a signal breaks off C's poll, with EINTR", "Python's select handles signals, and sleeps on"
REST = "after a signal Python's select sleeps for the rest of its time, and does not begin anew"
RAISES = "a handler that raises ends the select"
LOST, HELD = (
    "poll sleeps through a signal that came in the gap",
    "the signal ends the sleep of pselect, ppoll and epoll_pwait at once",
)
BYTE, NUMBER = "Python's poll wakes at once for a signal in the gap", "the byte is the signal's number"
NONE = "Python's select module has none of the three calls"
FULL, COUNTS = "a pipe nobody reads becomes full", "an eventfd counts on, and one read returns the number"
DRIFT = "a program that sleeps after each piece of work is three intervals late or more"
TOLD = "one read of the timerfd says that several moments have passed"
STEP = "the moments that it counted add up to the time that passed, within two intervals"
ROUNDED = "epoll's timeout of 0.3 ms takes a millisecond"
FINER = "a timerfd of 0.3 ms takes less than a millisecond"
ALIVE, ENDED = "a pidfd is not ready while its process lives", "a pidfd is ready when a signal has ended its process"
NOBODY = "when the child is gone, a signal through its pidfd reaches nobody"
ONCE, UNCALLED = (
    "two signals are one record, with their number and our own process as the sender",
    "no handler is called for signals that a signalfd holds",
)
CHILD, FIVE = "a child inherits the blocked signals", "one list was enough for all five"
FOUR = "asked once for the one signal, four of five ended children are left as zombies"
NO_ZOMBIE = "asked until none is left, none of the five ended children is left as a zombie"
SLEEPER = "sleep\nafter each"


def interrupted(**other: Any) -> dict[str, Any]:
    """C's poll and Python's select among signals, as they behave, but for what is named."""
    return {"result": -1, "reason": "EINTR", "raw_took": 0.1, "came": [14] * 6, "took": 0.3} | other


def gaps(**other: tuple[float, str]) -> dict[str, Any]:
    """How long each call slept though a signal had come just before, and the error that it returned."""
    broken = (0.0, "EINTR")
    return {"slept": {"poll": (0.2, "no error"), "pselect": broken, "ppoll": broken, "epoll_pwait": broken} | other}


def byte(**other: Any) -> dict[str, Any]:
    return {"byte_took": 0.0, "number": bytes([signal.SIGUSR1])} | other


def beats(sleeper: float = 0.37, timer: float = 0.22, passed: tuple[int, ...] = (1, 1, 1, 1, 3, 1, 1, 1, 1, 1)) -> Any:
    """Both programs' first and last moment, and what the reads of the timerfd returned."""
    return {"beats": {SLEEPER: [0.0, sleeper], "timerfd": [0.0, timer]}, "passed": list(passed)}


def child(**other: Any) -> dict[str, Any]:
    return {"alive": [], "ended": [(9, 1)], "status": -signal.SIGTERM, "again": "no such process"} | other


def signals(**other: Any) -> dict[str, Any]:
    records = [(signal.SIGUSR1, os.getpid())]
    return {"records": records, "flag": [], "inherited": 1, "freed": 0} | other


def one_list(*diary: str) -> dict[str, Any]:
    kinds = ["eventfd", "timerfd", "pidfd", "signalfd"]
    return {"diary": list(diary), "kinds": kinds, "fds": dict.fromkeys([*kinds, "socket"], 0)}


def zombies(once: int = 4, until_none: int = 0) -> dict[str, Any]:
    """How many zombies a server has after five children have ended, by its handler of SIGCHLD."""
    left = {"once": once, "until none": until_none}
    return {"left_over": left.__getitem__, "ask_once": "once", "ask_until_none": "until none"}


def world(name: str, cell: str, answers: dict[str, bool], names: Any, **more: Any) -> World:
    return World(name, f"signals-{cell}", answers, lambda: names, **more)


RETRIED = {BROKEN: True, ON: True, REST: True}
PIPE = {FULL: True, COUNTS: True}
BEATS = {DRIFT: True, TOLD: True}
PROCESS = {ALIVE: True, ENDED: True, NOBODY: True}
SIGNALS = {ONCE: True, UNCALLED: True, CHILD: True}
WORLDS = (
    world("the rest is waited for", "raise-verdict", {RAISES: False}, {"ended_by": "the alarm", "raised_took": 3.0}),
    world("the exception is lost", "raise-verdict", {RAISES: False}, {"ended_by": "the timeout", "raised_took": 0.05}),
    world("poll is restarted", "pep475-verdicts", RETRIED | {BROKEN: False}, interrupted(result=0, raw_took=0.3)),
    world("another error", "pep475-verdicts", RETRIED | {BROKEN: False}, interrupted(reason="EINVAL")),
    world("select ends with the first", "pep475-verdicts", RETRIED | {ON: False}, interrupted(came=[14], took=0.05)),
    world("no handler is called", "pep475-verdicts", RETRIED | {ON: False}, interrupted(came=[])),
    world("select begins anew", "pep475-verdicts", RETRIED | {REST: False}, interrupted(came=[14] * 20, took=1.3)),
    world("poll wakes", "gap-verdicts", {LOST: False, HELD: True}, gaps(poll=(0.0, "EINTR"))),
    world("the mask comes too early", "gap-verdicts", {LOST: True, HELD: False}, gaps(ppoll=(2.0, "no error"))),
    world("a bad argument", "gap-verdicts", {LOST: True, HELD: False}, gaps(pselect=(0.0, "EINVAL"))),
    world("no byte", "wakeup-verdicts", {BYTE: False, NUMBER: False, NONE: True}, byte(byte_took=2.0, number=b"")),
    world("a plain byte", "wakeup-verdicts", {BYTE: True, NUMBER: False, NONE: True}, byte(number=b"!")),
    world(
        "select has ppoll", "wakeup-verdicts", {BYTE: True, NONE: False}, byte(select=SimpleNamespace(ppoll=lambda: 0))
    ),
    world(
        "a pipe without a limit",
        "eventfd-verdicts",
        PIPE | {FULL: False},
        {"by_pipe": 100_000, "by_counter": 100_000, "counted": 100_000},
    ),
    world(
        "a flag, and no counter",
        "eventfd-verdicts",
        PIPE | {COUNTS: False},
        {"by_pipe": 65_536, "by_counter": 100_000, "counted": 1},
    ),
    world("sleeps until planned moments", "beats-verdicts", BEATS | {DRIFT: False}, beats(sleeper=0.225)),
    world("an event for each moment", "beats-verdicts", BEATS | {TOLD: False}, beats(passed=(1,) * 12)),
    world(
        "what was missed is lost",
        "beats-step",
        {STEP: False},
        beats(timer=0.28, passed=(1,) * 12),
        before=("signals-beats-verdicts",),
    ),
    world(
        "each interval begins after the work",
        "beats-step",
        {STEP: False},
        beats(timer=0.36, passed=(1,) * 12),
        before=("signals-beats-verdicts",),
    ),
    world(
        "epoll is exact",
        "short-verdicts",
        {ROUNDED: False, FINER: True},
        {"quickest": {"timeout": 0.0003, "timerfd": 0.0003}},
    ),
    world(
        "a timerfd is rounded as well",
        "short-verdicts",
        {ROUNDED: True, FINER: False},
        {"quickest": {"timeout": 0.0011, "timerfd": 0.0011}},
    ),
    world("ready from the beginning", "pidfd-verdicts", PROCESS | {ALIVE: False}, child(alive=[(9, 1)])),
    world("never ready", "pidfd-verdicts", PROCESS | {ENDED: False}, child(ended=[])),
    world("it ended by itself", "pidfd-verdicts", PROCESS | {ENDED: False}, child(status=0)),
    world("a number that is used again", "pidfd-verdicts", PROCESS | {NOBODY: False}, child(again="sent")),
    world(
        "a queue of signals",
        "signalfd-verdicts",
        SIGNALS | {ONCE: False},
        signals(records=[(signal.SIGUSR1, os.getpid())] * 2),
    ),
    world("another sender", "signalfd-verdicts", SIGNALS | {ONCE: False}, signals(records=[(signal.SIGUSR1, 1)])),
    world("not blocked", "signalfd-verdicts", SIGNALS | {UNCALLED: False}, signals(flag=[signal.SIGUSR1])),
    world("a mask of its own", "signalfd-verdicts", SIGNALS | {CHILD: False}, signals(inherited=0)),
    world("blocked from the start", "signalfd-verdicts", SIGNALS | {CHILD: False}, signals(freed=1)),
    world("a signal for each child", "fork-verdicts", {FOUR: False, NO_ZOMBIE: True}, zombies(once=0)),
    world("signals are lost altogether", "fork-verdicts", {FOUR: False, NO_ZOMBIE: True}, zombies(once=5)),
    world("the loop ends early", "fork-verdicts", {FOUR: True, NO_ZOMBIE: False}, zombies(until_none=4)),
    world(
        "a signal needs its handler", "loop-verdict", {FIVE: False}, one_list("eventfd", "timerfd", "pidfd", "socket")
    ),
)
