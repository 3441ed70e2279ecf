"""Doubts of real runs in which server or load generator is held still or killed, and of a sweep that repeats them."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable

import matplotlib.pyplot as plt
import psutil
import pytest

import iomux
from iomux.harness.load.rounds import Repeats
from iomux.system.machine import cores
from iomux.system.process_tree import is_stopped
from tests.harness.test_doubts_real import linux, said, two_cores
from tests.support.clients import eventually
from tests.support.hogs import hog


def stopping_at(count: int) -> Callable[[bytes], bytes]:
    """A handler that stops its server at its `count`th call."""
    calls = [0]

    def handle(data: bytes) -> bytes:
        calls[0] += 1
        if calls[0] == count:
            os.kill(os.getpid(), signal.SIGSTOP)
        return data

    return handle


@pytest.mark.parametrize(("rate", "size", "calls"), [(None, 64, 10), (200.0, 64, 10), (50.0, 1 << 20, 100)])
def test_a_server_held_still_is_told_and_its_rate_is_over_the_planned_duration(
    rate: float | None, size: int, calls: int
) -> None:
    """1 MiB fills the sockets: then the generator waits for the server with half a request sent."""
    with iomux.start("poll", handler=stopping_at(calls)) as server:
        result = iomux.load(server, connections=2, size=size, duration=2.5, warmup=0, rate=rate, deadline=0.3)
    assert said(result, "no reply came from ")
    assert 0 < result.requests < calls
    assert result.requests_per_s == pytest.approx(result.requests / 2.5)


def test_a_stalled_server_does_not_make_the_generator_late() -> None:
    """For most of the run: then the latencies are the stall's, and those of a busy machine are small against them."""

    def go_on() -> None:
        assert eventually(lambda: is_stopped(server.pid))
        time.sleep(2)
        os.kill(server.pid, signal.SIGCONT)

    with iomux.start("poll", handler=stopping_at(10)) as server:
        thread = threading.Thread(target=go_on)
        thread.start()
        result = iomux.load(server, connections=2, duration=2.5, warmup=0, rate=200, deadline=10)
        thread.join()
    assert result.p50_us > 100_000
    assert said(result, "no reply came from ")
    assert not result.generator_bound
    assert not any("late" in doubt for doubt in result.doubts)


def load_generator() -> psutil.Process | None:
    """The process of the load that runs."""
    children = psutil.Process().children()
    return next((child for child in children if "iomux.processes.worker_main" in " ".join(child.cmdline())), None)


def during_a_load(act: Callable[[psutil.Process], None]) -> threading.Thread:
    """Do something to the load generator, soon after it has begun."""

    def wait_and_act() -> None:
        assert eventually(lambda: load_generator() is not None)
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended: the machine was too busy to be in time
            if found := load_generator():
                assert eventually(lambda: bool(found.net_connections()))
                time.sleep(0.5)
                act(found)

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def hold_still(process: psutil.Process) -> None:
    """Again and again until it has ended: on a busy machine one second may pass before it measures, or after."""
    with contextlib.suppress(psutil.NoSuchProcess):
        while process.is_running():
            process.suspend()
            time.sleep(1.0)
            process.resume()
            time.sleep(0.5)


@pytest.mark.parametrize("rate", [None, 200.0])
def test_a_generator_held_still_blames_itself_and_not_the_server(rate: float | None) -> None:
    for seconds in (4.0, 15.0):  # on a busy machine the first may be over before it is held
        with iomux.start("poll") as server:
            thread = during_a_load(hold_still)
            result = iomux.load(server, connections=2, duration=seconds, warmup=0, rate=rate, deadline=5)
            thread.join()
        if told := said(result, "the load generator itself stood still for "):
            break
    assert told, result.doubts
    assert result.disturbed
    assert not any("no reply came" in doubt for doubt in result.doubts)


def test_a_killed_generator_says_by_which_signal() -> None:
    thread = during_a_load(psutil.Process.kill)
    with pytest.raises(RuntimeError, match=r"^the load generator was ended by SIGKILL: somebody sent it"):
        iomux.load("poll", duration=10.0)
    thread.join()


def test_a_killed_generator_is_a_row_of_a_sweep() -> None:
    thread = during_a_load(psutil.Process.kill)
    frame = iomux.sweep("poll", 1, repeats=1, duration=10.0, progress=False)
    thread.join()
    assert frame["reason"].iloc[0].startswith("the load generator was ended by SIGKILL")


def test_disturbed_runs_are_repeated_a_few_times_and_the_last_is_kept() -> None:
    runs = iter([True, True, False, True, True, True, False])
    tries = Repeats(2, runs=5)
    assert [tries.undisturbed(lambda: next(runs), bool) for _ in range(3)] == [False, True, True]
    assert tries.dropped == 2, "a quarter of five runs, rounded up, and no more"
    assert Repeats(0, runs=5).undisturbed(lambda: True, bool)


def test_on_a_machine_that_stays_busy_no_run_is_repeated_any_more() -> None:
    busy = Repeats(1, runs=100)
    assert all(busy.undisturbed(lambda: True, bool) for _ in range(100))
    assert busy.dropped == 3
    runs = iter([True] * 5 + [False] + [True] * 94)
    at_times = Repeats(1, runs=100)
    assert [at_times.undisturbed(lambda: next(runs), bool) for _ in range(9)] == [True, True, False, *[True] * 6]
    assert at_times.dropped == 6, "the third helped: three more are worth while"


@linux
@two_cores
def test_a_sweep_repeats_and_tells_and_its_figure_too() -> None:
    with hog(cores()[0]):
        frame = iomux.sweep("poll", [1, 10], repeats=1, duration=0.5, progress=False)
        kept = iomux.sweep("poll", 1, repeats=1, duration=0.5, progress=False, again=0)
    assert frame["doubts"].str.contains("other programs used").all()
    assert (frame.attrs["doubtful"], kept.attrs["doubtful"]) == (1, 0)
    note = iomux.plot.caption(iomux.plot.latency(frame))
    assert "in doubt: 2 of 2 runs (other programs used " in note
    assert "1 disturbed run was dropped and repeated" in note
    plt.close("all")


def test_how_often_is_checked() -> None:
    with pytest.raises(ValueError, match="again is 11: choose 0 to 10"):
        iomux.sweep("poll", 1, again=11)
