"""The event loop and other threads, and signals: they wake it, no event is lost, and its workers leave it free."""

import os
import signal
import threading
import time
from typing import Any

from iomux.events import EventLoop
from iomux.servers.connection import READ
from tests.support.clients import DEADLINE
from tests.test_events import loop as loop
from tests.test_events import pipe as pipe


def in_thread(function: Any) -> threading.Thread:
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def test_an_event_of_another_thread_wakes_the_loop_from_its_sleep(loop: EventLoop, pipe: tuple[int, int]) -> None:
    loop.watch(pipe[0], READ, lambda: None)  # never ready: the loop would sleep for ever
    seen = []

    def click(who: int) -> None:
        seen.append(who)
        loop.stop()

    def clicks() -> None:
        time.sleep(0.1)
        loop.emit_from_thread("click", threading.get_ident())

    loop.on("click", click)
    thread = in_thread(clicks)
    loop.run()
    thread.join()
    assert seen == [thread.ident]


def test_a_signal_is_an_event_like_any_other(loop: EventLoop, pipe: tuple[int, int]) -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: loop.emit_from_thread("signal", number))
    try:
        loop.watch(pipe[0], READ, print)
        loop.on("signal", seen.append)
        loop.on("signal", lambda _: loop.stop())
        thread = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
        thread.start()
        loop.run()
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [signal.SIGUSR1]


def test_no_event_of_many_threads_is_lost_and_a_full_pipe_blocks_no_thread(loop: EventLoop) -> None:
    count, each = [0], 20_000  # more than the 65,536 bytes that a pipe holds

    def add() -> None:
        count[0] += 1
        if count[0] == 4 * each:
            loop.stop()

    def emits() -> None:
        for _ in range(each):
            loop.emit_from_thread("add")

    loop.on("add", add)
    threads = [in_thread(emits) for _ in range(4)]
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive(), "the pipe is not read yet"
    loop.run()
    assert count == [4 * each]


def test_a_worker_thread_leaves_the_loop_free_and_its_result_comes_back(loop: EventLoop) -> None:
    seen: list[Any] = []
    threads = []
    ticked, free = threading.Event(), list[bool]()

    def tick() -> None:
        seen.append("tick")
        if seen.count("tick") == 4:
            ticked.set()
        if "done" not in seen:
            loop.after(0.02, tick)

    def work() -> str:
        free.append(ticked.wait(DEADLINE))  # a loop that is blocked during this work would not tick
        threads.append(threading.get_ident())
        return "done"

    def then(result: str) -> None:
        threads.append(threading.get_ident())
        seen.append(result)

    tick()
    loop.in_thread(work, then)
    loop.run()
    assert seen.count("done") == 1
    assert free == [True], "ticks went on meanwhile"
    assert threads[0] != threads[1] == threading.get_ident(), "worked elsewhere, told here"
