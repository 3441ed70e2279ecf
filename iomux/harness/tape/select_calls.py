"""The readiness calls of Python's `select` module, recorded: for a server that calls them itself.

A registered server gets its poller as an argument, so a recorded one can replace it. A `while True:` loop from a
notebook's cell calls `select.select`, `select.poll` or `select.epoll` by name; in the process that runs it, and
only there, these names are replaced by calls that also record. `from select import epoll` escapes this.
"""

import functools
import select
from collections.abc import Callable
from typing import Any

from iomux.harness.tape.recorder import RecordedPoller, Recorder
from iomux.servers.connection import READ, WRITE


def record_select(recorder: Recorder) -> None:
    """From now on, in this process, record for which descriptors the waits of the `select` module end."""
    module: Any = select
    module.select = functools.partial(_select, select.select, recorder)
    for name in ("poll", "epoll"):
        if hasattr(select, name):
            setattr(module, name, functools.partial(_poller, getattr(select, name), recorder))


def _poller(make: Callable[..., Any], recorder: Recorder, *arguments: Any, **keywords: Any) -> RecordedPoller:
    poller = make(*arguments, **keywords)
    return RecordedPoller(poller, poller.poll, recorder, in_kernel=hasattr(poller, "fileno"))


def _select(call: Callable[..., Any], recorder: Recorder, *arguments: Any) -> Any:
    readable, writable, _ = found = call(*arguments)
    for ready, events in ((readable, READ), (writable, WRITE)):
        for who in ready:
            recorder.waited(who if isinstance(who, int) else who.fileno(), events)
    return found
