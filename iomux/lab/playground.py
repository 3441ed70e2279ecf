"""The playground: choose a mechanism and its load, start, and watch latency, processor time and the event tape live.

`playground()` in a notebook shows controls (`iomux.lab.controls`, made with ipywidgets). Without ipywidgets code
drives the same playground: `lab.choose(mechanism="poll", idle=1000)`, `lab.run(seconds=3)`. Server and load run in
separate processes; a thread waits for their readings, so that the notebook's kernel stays free. Only one run is active
at a time, in all playgrounds together: two would disturb each other's measurements.
"""

import atexit
import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from iomux import servers
from iomux.lab.live import LONGEST_S, Setting, ticks
from iomux.lab.run import Run, trouble
from iomux.system.features import feature
from iomux.system.limits import check_real

MOST_RUNS = 8
"""How many runs a playground keeps, and shows next to each other."""


class Playground:
    """A server under a load, and the results. Made by `iomux.playground`; see `choose`, `run`, `start`, `stop`.

    setting: the setting of the next run. runs: the runs so far, the last one at the end.

    Example:
    >>> lab = iomux.playground("poll", idle=10).choose(active=2, handler_ms=1)
    >>> lab.setting.active, lab.running
    (2, False)
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.runs: list[Run] = []
        self.watchers: list[Callable[[], None]] = []
        """Called from another thread whenever there is something new to show."""
        self._stop, self._ended, self._shown = threading.Event(), threading.Event(), threading.Event()
        self._ended.set()
        self._view: Any = None

    @property
    def running(self) -> bool:
        """Whether a run is active."""
        return not self._ended.is_set()

    def choose(self, **changes: Any) -> "Playground":
        """Change the setting: mechanism, idle, active, size (bytes), handler_ms, rate (planned requests a second, 0 for
        none). An active run is restarted with it.

        Raises LookupError for an unknown mechanism, ValueError and TypeError for invalid values. The run reports what
        this machine can't do (a mechanism that it lacks, more descriptors than it grants).
        """
        if unknown := changes.keys() - set(Setting.__dataclass_fields__):
            known = ", ".join(Setting.__dataclass_fields__)
            raise TypeError(f"{', '.join(sorted(unknown))}: there is no such setting, choose from {known}")
        changed = replace(self.setting, **changes)
        changed.check()
        with _one_at_a_time:
            again = self.running and changed != self.setting
            self.setting = changed
            if again:
                self.start()
        self._notify_watchers()
        return self

    def start(self, seconds: float = LONGEST_S) -> None:
        """Start a run of at most `seconds` in the background; an active run is stopped first."""
        check_real(seconds=seconds)
        if not 0 < seconds <= LONGEST_S:
            raise ValueError(f"seconds is {seconds}: choose more than 0 and at most {LONGEST_S:.0f}")
        with _one_at_a_time:
            _stop_running()
            run = Run(self.setting)
            seen = [earlier for earlier in self.runs if earlier.ticks or earlier.trouble]
            self.runs = [*seen[1 - MOST_RUNS :], run]
            self._stop, self._ended, self._shown = threading.Event(), threading.Event(), threading.Event()
            news = threading.Event()
            _running.append(self)
            for target, arguments in (
                (_collect, (run, seconds, self._stop, news, self._ended)),
                (self._show, (run, news, self._shown)),
            ):
                threading.Thread(target=target, args=arguments, daemon=True).start()

    def stop(self) -> None:
        """End the active run, its server and its load; does nothing if there is none."""
        with _one_at_a_time:
            self._stop.set()
            self._ended.wait()  # not Thread.join: interrupted, it takes the thread for ended (Lib/threading.py, 3.11)
            if self in _running:
                _running.remove(self)

    def run(self, seconds: float = 3.0) -> Run:
        """Run for `seconds` and return the results; an interrupt ends the run, and leaves no process behind."""
        self.start(seconds)
        try:
            self._ended.wait()
            self._shown.wait()
        finally:
            self.stop()
        return self.runs[-1]

    def clear(self) -> None:
        """Remove the runs that are over."""
        self.runs = [run for run in self.runs if not run.over]
        self._notify_watchers()

    def close(self) -> None:
        """Stop the active run, and remove the controls."""
        self.stop()
        if self._view is not None:
            view, self._view = self._view, None
            view.close()

    def _show(self, run: Run, news: threading.Event, shown: threading.Event) -> None:
        """Show the results of a run; in a second thread, because drawing must not delay the readings."""
        over = False  # whether the run was over before it was last shown
        while not over:
            news.clear()
            over = run.over
            self._notify_watchers()
            if not over:
                news.wait()
        shown.set()

    def _notify_watchers(self) -> None:
        for watcher in self.watchers:
            watcher()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if reason := missing():
            return {"text/plain": f"no controls here: {reason}; drive it by code: lab.choose(...), lab.run(seconds=3)"}
        if self._view is None:
            from iomux.lab.controls import View

            self._view = View(self)
        return self._view.box._repr_mimebundle_(**options)


def _collect(run: Run, seconds: float, stop: threading.Event, news: threading.Event, ended: threading.Event) -> None:
    """Collect the ticks of one run, in its thread. Errors become text: a traceback would land in any cell's output."""
    try:
        with contextlib.closing(ticks(run.setting, seconds, stop)) as new_ticks:
            for tick in new_ticks:
                run.add(tick)
                news.set()
    except Exception as error:
        run.trouble = trouble(error)
    finally:
        run.over = True
        ended.set()
        news.set()


def playground(mechanism: str | None = None, **setting: Any) -> Playground:
    """Controls for a live run: mechanism, connections, message size, handler delay, planned requests; Start and Stop.

    mechanism and setting: the initial values, as for `Playground.choose`; by default poll, if this machine has it, with
    1,000 idle connections. Show it as the last value of a notebook's cell. Without ipywidgets it says so, and code
    drives it. A new playground stops the active run of any other.

    Raises LookupError for an unknown mechanism, ValueError for an invalid value, TypeError for an unknown setting.

    Example:
    >>> lab = iomux.playground("poll", idle=10)
    >>> lab.run(seconds=0.6).requests > 0
    True
    """
    names = servers.names()
    first = mechanism or ("poll" if "poll" in names else names[0])
    chosen = Setting(first, **({"idle": 1000} | setting))
    chosen.check()
    _stop_running()
    return Playground(chosen)


def missing() -> str:
    """Why there are no controls here, and how to get them; empty if there are."""
    widgets = feature("widgets")
    return widgets.why_not() if widgets else ""


_one_at_a_time = threading.RLock()
_running: list[Playground] = []


def _stop_running() -> None:
    for other in _running[:]:
        other.stop()


atexit.register(_stop_running)
