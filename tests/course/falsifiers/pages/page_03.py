"""Worlds for 03, event-driven programs."""

import functools
import math
import socket
import time
from types import SimpleNamespace
from typing import Any

from iomux.events import EventLoop
from iomux.servers import pollers
from tests.course.falsifiers.world import World

PAGE = "03_event_driven_programs.ipynb"
SLEEPS, SPARE = "the loop falls asleep less than twice for each event", "the loop uses less than a quarter of the time"
HANDLER, THREAD = "no tick comes while the handler waits", "five ticks or more come while a thread waits"
LOCK, PROCESS = (
    "at most two ticks come while a thread computes in one call",
    "four ticks or more come while a process computes",
)
ASLEEP = "an entry in the queue does not wake the poller"
WOKEN = "a byte in the pipe wakes the poller long before its timeout"
ALL, QUICK = "the loop served all hundred clients", "nine clicks of ten wait for less than a tenth of a second"
BUTTON = "one queue and its handlers serve a button"
SOCKETS = "the same queue and its handlers serve a hundred sockets"
CALLED = "who is called does not ask while nothing is ready"
FEW, MANY = (f"with {count} clients it sleeps between the requests" for count in ("7", "1,000"))


class Naps:
    """A poller that naps for half a millisecond, and asks all its descriptors again."""

    def __init__(self) -> None:
        self._poller, self._unit = pollers.make(pollers.best())
        self.register, self.modify, self.unregister = (
            getattr(self._poller, name) for name in ("register", "modify", "unregister")
        )

    def poll(self, seconds: float | None, /) -> list[tuple[int, int]]:
        end = math.inf if seconds is None else time.monotonic() + seconds
        while not (ready := self._poller.poll(0)) and time.monotonic() < end:
            time.sleep(0.0005)
        return ready


def serve_napping(listener: socket.socket) -> None:
    """Accept everybody; then nap for 10 ms, and ask everybody, for ever."""
    listener.setblocking(False)
    waiting = [listener]
    while True:
        for sock in tuple(waiting):
            try:
                if sock is listener:
                    waiting.append(sock.accept()[0])
                    waiting[-1].setblocking(False)
                else:
                    sock.send(sock.recv(1))
            except BlockingIOError:
                continue
        time.sleep(0.01)


def slow_bytes(_: EventLoop, client: socket.socket) -> None:
    """The page's handler, with 2.5 ms of work: a quarter of a second for a hundred clients, who wait for two."""
    time.sleep(0.0025)
    client.send(client.recv(4096))


def ticked(**other: int) -> dict[str, Any]:
    """Ticks that come while each of the four works, as they should, but for some."""
    right = {"the_handler_waits": 0, "a_thread_waits": 9, "a_thread_computes": 0, "a_process_computes": 11}
    came = {label.replace("_", " "): count for label, count in (right | other).items()}
    return {"came": came, "has_lock": True, "without": {}}


def long_job(label: str, count: int, verdict: str) -> World:
    """A world in which so many ticks come while this one works."""
    answers = {HANDLER: True, THREAD: True, LOCK: True, PROCESS: True} | {verdict: False}
    return World(f"{label}: {count} ticks", "long-jobs-verdicts", answers, lambda: ticked(**{label: count}))


def crowd(unserved: int = 0, **errors: int) -> Any:
    return SimpleNamespace(unserved=unserved, errors=errors, requests_per_s=1.0)


def guests(woken: int = 0, seven: float = 1.0, thousand: float = 0.0) -> dict[str, Any]:
    return {"woken": woken, "sleeps": {7: seven, 1_000: thousand}}


WORLDS = (
    World(
        "the loop naps and asks",
        "e9258764",
        {SPARE: True, SLEEPS: False},
        lambda: {"EventLoop": functools.partial(EventLoop, Naps(), 1)},
        before=("e42ab849", "dd8252c4", "f862c2d1"),
    ),
    World(
        "the loop spins",
        "e9258764",
        {SPARE: False, SLEEPS: True},
        lambda: {"cpu": 0.17, "lasted": 0.18, "slept": 0, "moments": range(10), "clicks": range(2)},
    ),
    long_job("the_handler_waits", 9, HANDLER),
    long_job("a_thread_waits", 1, THREAD),
    long_job("a_thread_computes", 6, LOCK),
    long_job("a_process_computes", 1, PROCESS),
    World("the queue wakes", "ed0af5e6", {ASLEEP: False, WOKEN: True}, lambda: {"by_queue": 0.05, "by_pipe": 0.05}),
    World("nothing wakes", "ed0af5e6", {ASLEEP: True, WOKEN: False}, lambda: {"by_queue": 0.4, "by_pipe": 0.4}),
    World("one client is lost", "8faa4cc5", {ALL: False, QUICK: True}, lambda: {"crowd": crowd(1), "late": 1.0}),
    World("one is reset", "8faa4cc5", {ALL: False, QUICK: True}, lambda: {"crowd": crowd(reset=1), "late": 1.0}),
    World("no click is handled", "8faa4cc5", {ALL: True, QUICK: False}, lambda: {"crowd": crowd(), "late": math.inf}),
    World(
        "each request takes 2.5 ms",
        "claim-03-4",
        {BUTTON: False, SOCKETS: True},
        lambda: {"on_bytes": slow_bytes},
        before=("a9e6447d", "ffbc8e7e", "e2e434a9", "77c1c732", "8faa4cc5"),
    ),
    World(
        "one got wrong bytes",
        "claim-03-4",
        {BUTTON: True, SOCKETS: False},
        lambda: {"crowd": crowd(wrong=1), "late": 1.0},
        before=("8faa4cc5",),
    ),
    World(
        "the server naps and asks",
        "claim-03-5",
        {CALLED: False, FEW: True, MANY: False},
        lambda: guests() | {"serve_sockets": serve_napping},
        before=("canteen-guests", "canteen-silent"),
    ),
    World("it spins", "claim-03-5", {CALLED: True, FEW: False, MANY: False}, lambda: guests(seven=0.0)),
    World(
        "a thread for each client", "claim-03-5", {CALLED: True, FEW: True, MANY: True}, lambda: guests(thousand=1.0)
    ),
)
