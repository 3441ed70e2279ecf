"""The event loop when something goes wrong: faults of handlers, Ctrl-C, a closed loop, stale events, endless times."""

import os
import subprocess
import sys
import threading

import psutil
import pytest

from iomux.events import EventLoop
from iomux.servers import pollers
from iomux.servers.connection import READ
from tests.support.clients import eventually
from tests.test_events import POLLERS
from tests.test_events import loop as loop
from tests.test_events import pipe as pipe


@pytest.mark.parametrize("how", ["event", "timer", "descriptor", "thread"])
def test_a_fault_is_reported_and_the_loop_goes_on(
    loop: EventLoop, pipe: tuple[int, int], how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        if how == "descriptor":
            loop.unwatch(pipe[0])
        raise ZeroDivisionError("a bug")

    def ways() -> None:
        match how:
            case "event":
                loop.off("go")
                loop.on("go", fails)
                loop.emit("go")
            case "timer":
                loop.after(0, fails)
            case "descriptor":
                os.write(pipe[1], b"x")
                loop.watch(pipe[0], READ, fails)
            case "thread":
                loop.in_thread(fails, print)

    seen: list[str] = []
    ways()
    loop.after(0.1, seen.append, "alive")
    loop.run()
    assert seen == ["alive"]
    assert capfd.readouterr().err.count("ZeroDivisionError: a bug") == 1
    failures: list[BaseException] = []
    loop.on("error", failures.append)
    ways()
    loop.run()
    assert [type(error) for error in failures] == [ZeroDivisionError]
    assert capfd.readouterr().err == ""


def test_a_fault_in_the_fault_handler_is_reported(loop: EventLoop, capfd: pytest.CaptureFixture[str]) -> None:
    loop.on("error", lambda error: 1 / 0)
    loop.on("go", lambda: [][0])
    loop.emit("go")
    loop.run()
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_ctrl_c_is_raised_by_run_and_closes_the_loop() -> None:
    script = (
        "import os\nfrom iomux.events import EventLoop, READ\nout, into = os.pipe()\n"
        "with EventLoop() as loop:\n    loop.watch(out, READ, print)\n"
        "    loop.after(0, print, 'sleeping', os.getpid())\n    loop.after(0.01, os.kill, os.getpid(), 2)\n"
        "    loop.run()\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=20)
    assert done.stdout.startswith("sleeping")
    assert done.stderr.strip().endswith("KeyboardInterrupt")


def test_a_closed_loop_refuses_events_of_threads_and_keeps_no_descriptor(pipe: tuple[int, int]) -> None:
    before = psutil.Process().num_fds()
    for name in POLLERS:
        loop = EventLoop(*pollers.make(name))
        loop.watch(pipe[0], READ, print)
        loop.close()
        loop.close()
        with pytest.raises(RuntimeError, match="this event loop is closed"):
            loop.emit_from_thread("late")
    assert psutil.Process().num_fds() == before
    os.write(pipe[1], b"still open")


def test_a_worker_that_ends_after_the_loop_was_closed_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    go = threading.Event()
    with EventLoop() as loop:
        loop.in_thread(go.wait, print)
        loop.after(0, loop.stop)
        loop.run()
    go.set()
    assert eventually(lambda: not any("_work" in thread.name for thread in threading.enumerate()))
    assert capfd.readouterr().err == ""


def test_what_can_not_be_watched_is_an_error(loop: EventLoop) -> None:
    with pytest.raises((ValueError, OSError)):
        loop.watch(-1, READ, print)
    loop.run()


def test_a_timer_of_a_year_ends_nothing_and_one_of_nan_is_refused() -> None:
    with EventLoop() as loop:
        year = loop.after(365 * 86_400.0, loop.stop)
        loop.after(0.01, loop.off, year)
        loop.run()
        with pytest.raises(ValueError, match="not a number"):
            loop.after(float("nan"), loop.stop)
