"""The playground's controls, made with ipywidgets: imported only when a playground is shown.

The user's choices go to the playground, and its results come back: the reading as text at each tick, the figure as
often as drawing leaves most of a core free. Both come from the thread of the run, so the notebook's kernel is free
meanwhile; widgets may be changed from any thread.
"""

import html
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import ipywidgets as widgets

from iomux import servers
from iomux.figures.playground import PIXELS, png
from iomux.lab.live import LONGEST_S, Setting
from iomux.lab.run import Run, reading
from iomux.system.limits import too_many

IDLE = (0, 10, 100, 500, 1_000, 2_000, 5_000, 10_000)
ACTIVE = (1, 2, 10, 100, 1_000)
SIZES = {64: "64 bytes", 1024: "1 KiB", 16 * 1024: "16 KiB", 64 * 1024: "64 KiB", 1024 * 1024: "1 MiB"}
DELAYS_MS = (0, 1, 5, 20, 100)
RATES = (0, 100, 1_000, 5_000, 20_000)
_REST_FACTOR = 3.0  # drawing pauses for this many times as long as it took, so that it does not compete with the load
_drawer = ThreadPoolExecutor(max_workers=1)  # for all playgrounds: matplotlib reopens its fonts in each new thread


class Driven(Protocol):
    """The part of a playground that the controls use."""

    setting: Setting
    runs: list[Run]
    watchers: list[Callable[[], None]]

    def choose(self, **changes: Any) -> object:
        """Change the setting."""

    def start(self) -> None:
        """Start a run."""

    def stop(self) -> None:
        """Stop the run."""

    def clear(self) -> None:
        """Remove the runs that are over."""


class View:
    """The controls of one playground, as one widget: `box`."""

    def __init__(self, lab: Driven) -> None:
        self._lab = lab
        self._shown_setting: Setting | None = None
        self._filling_thread = 0  # the thread that fills the controls in: its changes are not the user's choice
        self._drawing, self._drawn, self._next_draw = threading.Lock(), (0, 0, 0), 0.0
        self._controls = {
            "mechanism": _dropdown(
                "Mechanism", "How the server waits for events; the list has what this machine can run"
            ),
            "idle": _dropdown("Idle connections", "Open connections that send nothing"),
            "active": _dropdown(
                "Active connections", "Connections that send requests: the next with the answer, or as planned"
            ),
            "size": _dropdown("Message size", "Bytes of each request, and of its answer"),
            "handler_ms": _dropdown("Handler delay", "How long the handler sleeps in the server before it answers"),
            "rate": _dropdown("Planned requests", "How many a second come, however slow the answers are"),
        }
        for name, control in self._controls.items():
            control.observe(lambda change, name=name: self._choose(name, change.new), "value")
        self._start = _button("Start", "play", f"Start the server and its load, for at most {LONGEST_S:.0f} seconds")
        self._stop = _button("Stop", "stop", "End the server and its load")
        self._clear = _button("Clear", "eraser", "Remove the earlier runs")
        self._start.on_click(lambda _: self._begin())
        self._stop.on_click(lambda _: lab.stop())
        self._clear.on_click(lambda _: lab.clear())
        self._reading, self._status = _text("reading"), _text("status")
        self._earlier, self._figure = _text("earlier"), _figure()
        self._panel = self._arranged()
        self._to_be_seen = False  # whether the figure of a run that was started here is still to be scrolled into view
        self.box = widgets.VBox([self._panel, self._earlier]).add_class("iomux-playground")
        self.box.observe(lambda change: lab.stop() if change.new is None else None, "comm")  # None: it was closed
        lab.watchers.append(self.update)
        self.update()

    def close(self) -> None:
        """Remove the controls."""
        self._lab.watchers.remove(self.update)
        for widget in (self.box, *self._controls.values(), self._start, self._stop, self._clear):
            widget.close()

    def update(self) -> None:
        """Show the current state; called from the thread of a run, and after each change of the setting."""
        runs = self._lab.runs
        running = bool(runs) and not runs[-1].over
        if self._shown_setting != self._lab.setting:
            self._fill(self._lab.setting)
        self._start.disabled, self._stop.disabled = running, not running
        last = runs[-1] if runs else None
        self._reading.value = f"<b>{html.escape(reading(last))}</b>" if last else "Choose, then press Start."
        self._status.value = _status(running, last.remarks if last else [])
        self._earlier.value = "<br>".join(html.escape(reading(run)) for run in reversed(runs[:-1]))
        if not running or time.monotonic() >= self._next_draw:
            self._draw(runs, running)

    def _draw(self, runs: Sequence[Run], running: bool) -> None:
        """Draw if there is something new and no other thread draws; at the end of a run wait for that thread."""
        if not self._drawing.acquire(blocking=not running):
            return
        try:
            newest = (len(runs), id(runs[-1]), len(runs[-1].ticks)) if runs else (0, 0, 0)
            if newest != self._drawn:
                began = time.monotonic()
                self._figure.value = _drawer.submit(png, runs).result() if runs else b""
                self._figure.layout.display = "" if runs else "none"
                self._next_draw = time.monotonic() + _REST_FACTOR * (time.monotonic() - began)
                self._drawn = newest
                if self._to_be_seen and runs[-1].ticks:  # by then the browser has laid out the first drawing
                    self._to_be_seen = False
                    self._panel.focus()
        finally:
            self._drawing.release()

    def _begin(self) -> None:
        self._to_be_seen = True
        self._lab.start()

    def _choose(self, name: str, value: Any) -> None:
        if self._filling_thread != threading.get_ident():
            self._lab.choose(**{name: value})

    def _fill(self, setting: Setting) -> None:
        """Fill the controls with the possible values, and those that were chosen by code."""
        offered: dict[str, dict[Any, str]] = {
            "mechanism": {name: name for name in [*servers.names(), setting.mechanism]},
            "idle": {number: f"{number:,}" for number in sorted({*_possible(IDLE), setting.idle})},
            "active": {number: f"{number:,}" for number in sorted({*_possible(ACTIVE), setting.active})},
            "size": SIZES | {setting.size: SIZES.get(setting.size, f"{setting.size:,} bytes")},
            "handler_ms": {delay: f"{delay:g} ms" for delay in sorted({*DELAYS_MS, setting.handler_ms})},
            "rate": {rate: f"{rate:,g} a second" for rate in sorted({*RATES, setting.rate})} | {0: "none"},
        }
        self._filling_thread = threading.get_ident()
        try:
            for name, control in self._controls.items():
                options = [(words, value) for value, words in offered[name].items()]
                if list(control.options) != options:
                    control.options = options
                if control.value != getattr(setting, name):
                    control.value = getattr(setting, name)
        finally:
            self._filling_thread, self._shown_setting = 0, setting

    def _arranged(self) -> widgets.VBox:
        controls = widgets.HBox(list(self._controls.values()), layout=widgets.Layout(flex_flow="row wrap"))
        buttons = widgets.HBox([self._start, self._stop, self._clear])
        limit = widgets.HTML(f"A run lasts at most {LONGEST_S:.0f} s; changing a value meanwhile starts a new run.")
        return widgets.VBox([controls, buttons, limit, self._reading, self._status, self._figure], tabbable=False)


def _possible(numbers: Iterable[int]) -> list[int]:
    """The numbers of connections that a process may open here."""
    return [number for number in numbers if not too_many(number + 1)]


def _status(running: bool, said: list[str]) -> str:
    """The state, limits and faults; screen readers read them aloud when they change."""
    state = "running" if running else "stopped"
    return f'<div role="status">{html.escape("; ".join([state, *said]))}</div>'


def _dropdown(description: str, tooltip: str) -> Any:
    return widgets.Dropdown(
        description=description,
        tooltip=tooltip,
        style={"description_width": "10em"},
        layout=widgets.Layout(width="19em"),
    )


def _button(description: str, icon: str, tooltip: str) -> Any:
    return widgets.Button(description=description, icon=icon, tooltip=tooltip)


def _figure() -> Any:
    """Where the figure is shown: so large that it fits on a small screen together with the controls."""
    most = {"max_width": "100%", "max_height": "56vh", "object_fit": "contain", "object_position": "left"}
    layout = widgets.Layout(display="none", **most)
    image = widgets.Image(format="png", width=PIXELS[0], height=PIXELS[1], layout=layout)
    image.add_class("iomux-playground-figure")
    return image


def _text(name: str) -> Any:
    text = widgets.HTML()
    text.add_class(f"iomux-playground-{name}")
    return text
