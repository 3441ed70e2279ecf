"""Solutions of 03b, Signals and timers: a timer that waits, signals that pile up, a child with a time limit."""

import ctypes
import os
import select
import signal
import struct
import subprocess
import sys
import time
from typing import Any, NamedTuple

from iomux.events import EventLoop
from iomux.servers.connection import READ
from iomux.solutions.pages.page_servers import functions

PAGE = "03b_signals_and_timers.ipynb"


class Kept(NamedTuple):
    """What a loop finds after one handler has kept it: events of each kind, and what the timerfd counted."""

    after: int
    timerfd: int
    counted: int


def page(*names: str) -> dict[str, Any]:
    """The page's functions that make descriptors."""
    libc = ctypes.CDLL(None, use_errno=True)
    return functions(PAGE, *names, libc=libc, os=os, struct=struct, time=time)


def exercise_1(every: float = 0.01, kept: float = 0.1) -> Kept:
    """The events that wait when a handler has kept the loop for `kept` seconds, with two timers of `every` seconds."""
    late: list[float] = []
    counted: list[int] = []
    fd = page("timerfd")["timerfd"](every, every)
    with EventLoop() as loop:

        def tick() -> None:
            late.append(time.monotonic())
            loop.after(every, tick)

        loop.after(every, tick)
        loop.watch(fd, READ, lambda: counted.append(int.from_bytes(os.read(fd, 8), sys.byteorder)))
        loop.emit("keep")
        loop.on("keep", lambda: time.sleep(kept))
        loop.on("keep", lambda: loop.after(0, loop.stop))
        loop.run()
    os.close(fd)
    return Kept(len(late), len(counted), counted[0])


def exercise_2(times: int = 5) -> dict[str, int]:
    """How many records a signalfd has when each of two signals was sent so often: an ordinary and a real-time one."""
    names = page("signalfd", "record")
    return {number.name: _records(names, number, times) for number in (signal.SIGUSR1, signal.SIGRTMIN)}


def _records(names: dict[str, Any], number: signal.Signals, times: int) -> int:
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    fd = names["signalfd"](number)
    try:
        for _ in range(times):
            signal.raise_signal(number)
        data = os.read(fd, times * 128)
    finally:
        os.close(fd)
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)
    assert {names["record"](data[at : at + 128])[0] for at in range(0, len(data), 128)} == {number}
    return len(data) // 128


def wait(child: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    """The status of a child as soon as it has ended; None if it has not after so many seconds. It never naps."""
    fd = os.pidfd_open(child.pid)
    try:
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        poller.poll(1_000 * seconds)
    finally:
        os.close(fd)
    return child.poll()


def exercise_3() -> tuple[int | None, int | None]:
    """What `wait` returns for a child that outlives its time, and for the same child when it was ended."""
    with subprocess.Popen(["sleep", "10"]) as child:
        outlived = wait(child, 0.02)
        child.terminate()
        return outlived, wait(child, 10)
