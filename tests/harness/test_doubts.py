"""A run says what speaks against it: each doubt is provoked for real, and none comes where all is well."""

import contextlib
import functools
import os
import signal
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import psutil
import pytest

import iomux
from iomux.harness.load import doubts as judging
from iomux.harness.load import generator, plan
from iomux.harness.load.doubts import doubts, late_us
from iomux.harness.load.plan import Plan
from iomux.harness.load.result import summarize
from iomux.harness.load.rounds import Repeats
from iomux.processes.worker import run_in_worker
from iomux.system.disturbance.cgroups import Throttled
from iomux.system.disturbance.meanwhile import Meanwhile
from iomux.system.disturbance.processors import CoreTime
from iomux.system.disturbance.readings import Between
from iomux.system.disturbance.stillness import Span
from iomux.system.machine import CpuTime, cores
from iomux.system.process_tree import is_stopped
from tests.support.clients import eventually
from tests.support.hogs import hog

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc/stat, cgroups and affinity are Linux's")
two_cores = pytest.mark.skipif(len(cores()) < 2, reason="server and load generator need a core each")
CLOSED, OPEN = (Plan(("127.0.0.1", 1), 1, 1, 64, 1.0, 0.0, rate, 1.0, 1, True) for rate in (None, 1000.0))
US = 1000


def said(result: iomux.LoadResult, words: str) -> bool:
    """Whether one of the doubts has these words, and `print` shows it."""
    return any(words in doubt for doubt in result.doubts) and words in str(result)


def seen(**other: Any) -> dict[str, Any]:
    """What the generator returns from a good run of a second, but for `other`, of the machine or of the run."""
    machine: dict[str, Any] = {"seconds": 1.0, "waited_share": 0.3, "mhz": {}}
    machine |= {"throttled": (Throttled(0, 0.0), Throttled(0, 0.0))}
    machine |= {"cores": {0: CoreTime(0.5, 0.0), 1: CoreTime(0.4, 0.0)}}
    around: dict[str, Any] = {"generator_core": 1, "server_core": 0, "stood_still": [], "silent": None}
    run: dict[str, Any] = {"response_ns": array("q", [60 * US] * 2000), "errors": {}}
    run |= {"service_ns": array("q", [50 * US] * 2000)}
    run |= {"late_ns": array("q", [US] * 2000), "own_cpu_s": 0.35, "server_cpu": CpuTime(0.2, 0.25, 0.45)}
    run |= {"generator_cpu_share": 0.35, "server_cpu_share": 0.45}
    for part in (machine, around, run):
        part |= {name: other.pop(name) for name in list(other) if name in part}
    assert not other
    return run | {"meanwhile": Meanwhile(Between(**machine), **around)}


def only(found: dict[str, Any], asked: Plan = CLOSED) -> str:
    (doubt,) = doubts(asked, found)
    return doubt.text


def test_a_good_run_has_no_doubt() -> None:
    assert doubts(CLOSED, seen()) == doubts(OPEN, seen()) == []


def test_readings_that_a_machine_does_not_give_are_no_doubt() -> None:
    assert doubts(CLOSED, seen(cores={}, waited_share=None, throttled=(), generator_core=None, server_core=None)) == []
    assert doubts(CLOSED, {name: value for name, value in seen().items() if name != "meanwhile"}) == []


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"cores": {0: CoreTime(0.45, 0.05), 1: CoreTime(0.4, 0.01)}}, "something else on the server's core for 5 % "),
        ({"cores": {0: CoreTime(0.95, 0.0)}}, "other programs used 50 % of the server's core"),
        ({"cores": {1: CoreTime(0.65, 0.0)}}, "other programs used 30 % of the load generator's core"),
        ({"throttled": (Throttled(0, 0.0), Throttled(4, 0.3))}, "made the server stand still 4 times, 0.30 s in all"),
        ({"throttled": (Throttled(2, 0.1), Throttled(2, 0.1))}, "made the load generator and the server stand still"),
        ({"server_core": None, "waited_share": 0.9}, "for 90 % of the time something waited for one (PSI)"),
        ({"mhz": {1: (1200.0, 3400.0)}}, "core 1 changed its frequency from 1,200 to 3,400 MHz"),
        ({"server_core": 1, "own_cpu_s": 0.0}, "server and load generator shared core 1"),
        ({"stood_still": [Span(400_000_000, 1_600_000_000)]}, "itself stood still for 1.20 s, from 0.40 s on"),
        ({"silent": Span(20_000_000, 5_000_000_000)}, "no reply came from 0.02 s to 5.00 s"),
        ({"generator_cpu_share": 0.97}, "the load generator was the bottleneck"),
        ({"response_ns": array("q", [US] * 5)}, "only 5 requests were answered"),
        ({"errors": {"closed by the server": 3}}, "were lost: closed by the server: 3"),
    ],
)  # fmt: skip
def test_each_has_a_bound(what: dict[str, Any], words: str) -> None:
    assert words in only(seen(**what))


@pytest.mark.parametrize(
    "what",
    [
        {"cores": {0: CoreTime(0.5, 0.02)}},
        {"seconds": 0.1, "cores": {0: CoreTime(0.47, 0.01)}},  # a tick or two: not told from rounding
        {"cores": {0: CoreTime(0.53, 0.0)}},
        {"throttled": (Throttled(0, 0.0), Throttled(0, 0.0))},
        {"waited_share": 1.0},  # its own threads may wait for each other: what others took is known
        {"mhz": {0: (3000.0, 3500.0)}},
        {"silent": Span(0, 300_000_000), "service_ns": array("q", [100_000_000] * 50)},  # that is how long it works
        {"generator_cpu_share": 0.97, "server_cpu_share": 0.99},
    ],
)
def test_what_is_usual_is_no_doubt(what: dict[str, Any]) -> None:
    assert doubts(CLOSED, seen(**what)) == []


def test_two_threads_of_one_core_are_a_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "siblings", lambda core: {0, 1})
    assert "two threads of one physical core" in only(seen())


def test_lateness_is_measured_against_the_latency() -> None:
    """A stalled server makes each latency great; the generator is then not to blame for being a little late."""
    late = array("q", [400 * US] * 2000)
    assert "it sent half of its requests 400 µs or more after" in only(seen(late_ns=late), OPEN)
    assert doubts(OPEN, seen(late_ns=late, response_ns=array("q", [600_000 * US] * 2000))) == []
    seldom = array("q", [US] * 1900 + [400 * US] * 100)
    assert "1 % of its requests 400 µs" in only(seen(late_ns=seldom), OPEN)
    assert late_us(OPEN, seen(late_ns=seldom)) == {"p50": 1.0, "p99": 400.0, "max": 400.0}
    assert late_us(CLOSED, seen(late_ns=seldom)) == {}


@linux
@two_cores
@pytest.mark.parametrize(("core", "whose"), [(0, "the server's core"), (-1, "the load generator's core")])
def test_a_hog_on_the_same_core_is_told(core: int, whose: str) -> None:
    with hog(cores()[core]):
        result = iomux.load("poll", duration=0.5)
    assert any(doubt.startswith("other programs used") and doubt.endswith(whose) for doubt in result.doubts)
    assert result.disturbed
    assert result.row()["doubts"] == "; ".join(result.doubts)


def is_empty(group: Path) -> bool:
    return not (group / "cgroup.procs").read_text()


def made(group: Path, files: dict[str, str]) -> Path | None:
    """A new cgroup with these settings; None if this machine does not allow it."""
    try:
        group.mkdir()
    except OSError:
        return None
    if all((group / name).exists() for name in files):
        for name, text in files.items():
            (group / name).write_text(text)
        return group
    group.rmdir()
    return None


@contextlib.contextmanager
def group_with_quota() -> Iterator[Path]:
    """A cgroup that may use a twentieth of a core, of the version that can be written here; skips where none can."""
    for top, files in (
        ("/sys/fs/cgroup", {"cpu.max": "5000 100000"}),
        ("/sys/fs/cgroup/cpu", {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "5000"}),
    ):
        if group := made(Path(top, f"iomux-test-{os.getpid()}"), files):
            try:
                yield group
            finally:
                eventually(functools.partial(is_empty, group))
                group.rmdir()
            return
    pytest.skip("no control group of the processor can be made here: it takes root, and a writable /sys/fs/cgroup")


@linux
def test_a_quota_is_told() -> None:
    with group_with_quota() as group, iomux.start("nonblocking") as server:  # it never sleeps
        (group / "cgroup.procs").write_text(str(server.pid))
        result = iomux.load(server, duration=1.0)
    assert said(result, "a quota of processor time made the server stand still")
    assert not any("the load generator stand still" in doubt for doubt in result.doubts)


def test_a_generator_that_is_late_is_told() -> None:
    def run(asked: Plan) -> dict[str, Any]:
        send = generator.Generator._send_request

        def slowly(self: generator.Generator, client: Any) -> None:  # 500 a second are planned
            time.sleep(0.003)
            send(self, client)

        generator.Generator._send_request = slowly  # type: ignore[method-assign]  # in the generator's process only
        return plan.run(asked)

    with iomux.start("poll") as server:
        asked = Plan(server.address, 500, 500, 64, 1.0, 0.1, 500.0, 5.0, server.pid, True, "even")
        found = run_in_worker(run, asked, core=None, seconds=60, what="the load generator")
    result = summarize(asked, found)
    assert said(result, "the load generator was late")
    assert result.generator_bound
    assert result.late_us["p50"] > 1000


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
        if found := load_generator():
            assert eventually(lambda: bool(found.net_connections()))
            time.sleep(0.5)
            act(found)

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def hold_still(process: psutil.Process) -> None:
    process.suspend()
    time.sleep(1.0)
    process.resume()


@pytest.mark.parametrize("rate", [None, 200.0])
def test_a_generator_held_still_blames_itself_and_not_the_server(rate: float | None) -> None:
    with iomux.start("poll") as server:
        thread = during_a_load(hold_still)
        result = iomux.load(server, connections=2, duration=4.0, warmup=0, rate=rate, deadline=5)
        thread.join()
    assert result.doubts[0].startswith("the load generator itself stood still for ")
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
