"""The playground without a browser: its view, its cleanup, and its reports when something fails."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import iomux
from iomux.lab import live
from iomux.lab.playground import Playground
from iomux.system.units import duration
from tests.support.clients import DEADLINE
from tests.support.processes import children

pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: pip install 'iomux-course[lab]'")


def controls(lab: Playground) -> Any:
    """The view, which is created when the playground is displayed."""
    assert "application/vnd.jupyter.widget-view+json" in lab._repr_mimebundle_()
    return lab._view


def descriptors() -> int:
    return psutil.Process().num_fds()


def wait_for(holds: Callable[[], object], seconds: float = DEADLINE) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "the condition did not become true"
        time.sleep(0.01)


def servers() -> set[psutil.Process]:
    return {child for child in children() if child.net_connections("tcp")}


def test_a_run_is_shown_tick_by_tick_and_described_in_words(lab: Playground) -> None:
    run = lab.choose(active=2).run(seconds=1.0)
    assert [tick.pulse.at_s >= due for tick, due in zip(run.ticks, (0.5, 1.0), strict=True)] == [True, True]
    assert run.requests > 0
    assert not run.p99_us < run.p50_us, "it is NaN on a machine that is too busy for 1,000 requests in half a second"
    assert [bool(tick.events) for tick in run.ticks] == [False, True], "an hour of ticks stays small"
    assert 0 < run.cpu_share < 1.5
    assert 1 < run.cpu_us_per_request < 1e5
    assert str(run).startswith("poll, 3 idle + 2 active: median ")
    assert str(run).endswith("% of a core")
    assert not run.remarks
    assert not lab.running
    assert not children()


def test_start_and_stop_leave_nothing_behind(lab: Playground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # other tests make files in the usual one
    view = controls(lab)
    lab.run(seconds=0.3)  # so that what is opened only once is open
    before, files = descriptors(), temporary()
    view._start.click()
    wait_for(lambda: lab.runs[-1].ticks)
    assert view._start.disabled
    assert not view._stop.disabled
    assert len(children()) == 2
    assert len(servers()) >= 1
    view._stop.click()
    assert not lab.running
    assert not children()
    wait_for(lambda: view._stop.disabled and not view._start.disabled)
    lab.stop()
    view._stop.click()
    assert (descriptors(), temporary()) == (before, files)


def temporary() -> set[Path]:
    return {path for path in Path(tempfile.gettempdir()).glob("iomux-*") if path.is_file()}


def test_changing_a_control_during_a_run_starts_a_new_run(lab: Playground) -> None:
    view = controls(lab)
    lab.start()
    wait_for(lambda: lab.runs[-1].ticks)
    before = children()
    view._controls["mechanism"].value = "blocking"
    assert lab.running
    assert not before & children()
    assert [run.setting.mechanism for run in lab.runs] == ["poll", "blocking"]
    wait_for(lambda: lab.runs[-1].ticks)
    wait_for(lambda: "poll, 3 idle" in view._earlier.value)
    assert len(children()) == 2
    view._controls["mechanism"].value = "blocking"
    assert len(lab.runs) == 2, "the same value is no change"


def test_settings_chosen_by_code_appear_in_the_controls_and_vice_versa(lab: Playground) -> None:
    view = controls(lab)
    lab.choose(idle=1234, active=7, size=99, handler_ms=2.5)
    assert [view._controls[name].value for name in ("idle", "active", "size", "handler_ms")] == [1234, 7, 99, 2.5]
    view._controls["idle"].value = 10
    assert lab.setting == live.Setting("poll", 10, 7, 99, 2.5)
    assert not lab.runs


def test_a_new_playground_stops_the_run_of_another_one(lab: Playground) -> None:
    lab.start()
    wait_for(lambda: lab.runs[-1].ticks)
    other = iomux.playground("poll", idle=0)
    assert not lab.running
    assert not children()
    lab.start()
    other.run(seconds=0.3)
    assert not lab.running


def test_closing_the_controls_stops_the_run(lab: Playground) -> None:
    view = controls(lab)
    lab.start()
    view.box.close()
    assert not lab.running
    assert not children()


def test_an_interrupt_ends_the_run(lab: Playground) -> None:
    def interrupt() -> None:
        wait_for(lambda: lab.runs and lab.runs[-1].ticks)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        lab.run(seconds=60)
    assert not lab.running
    assert not children()


@pytest.mark.parametrize("end", ["raise SystemExit", "os.kill(os.getpid(), 9)"])
def test_nothing_outlives_the_owner(end: str) -> None:
    script = (
        "import os, psutil, time, iomux\n"
        "lab = iomux.playground('blocking')\nlab.start()\n"
        "while not lab.runs[-1].ticks: time.sleep(0.01)\n"
        "print(*[child.pid for child in psutil.Process().children()], flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", script + end], capture_output=True, text=True, timeout=60)
    assert len(done.stdout.split()) == 2
    assert done.stderr == ""
    wait_for(lambda: not any(psutil.pid_exists(int(pid)) for pid in done.stdout.split()))


def test_the_view_and_the_page_draw_the_same_figure(lab: Playground) -> None:
    from iomux.figures.playground import png

    assert png([])[:4] == b"\x89PNG"
    view = controls(lab)
    run = lab.run(seconds=0.6)
    assert view._figure.value[:4] == b"\x89PNG"
    ax = iomux.plot.playground(lab.runs)
    latency, cpu, tape = ax.figure.axes
    (middle,) = [line for line in latency.lines if line.get_marker() == "v"]
    ys: Any = middle.get_ydata()
    assert list(ys) == [tick.pulse.p50_us for tick in run.ticks]
    assert cpu.lines
    assert "Event tape of poll" in tape.get_title(loc="left")


@pytest.mark.parametrize(
    ("microseconds", "words"), [(85.4, "85 µs"), (999.6, "1 ms"), (1234, "1.23 ms"), (250_000, "250 ms"), (3e6, "3 s")]
)
def test_times_are_written_in_a_suitable_unit(microseconds: float, words: str) -> None:
    assert duration(microseconds) == words
