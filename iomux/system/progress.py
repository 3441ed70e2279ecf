"""The progress of a long run: whether a bar is shown, and what an interrupt reports.

A bar is shown on a terminal or in a notebook, and not in a file or a pipe, where each of its steps would be kept.
"""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from tqdm import tqdm


def shown(progress: bool) -> bool:
    """Whether to show a bar that was asked for: standard error is a terminal, or this is a notebook's kernel.

    Example:
    >>> from iomux.system.progress import shown
    >>> shown(False)
    False
    """
    return progress and ((sys.stderr is not None and sys.stderr.isatty()) or _in_a_notebook())


def bars() -> "type[tqdm[Any]]":
    """The class tqdm, for a terminal or a notebook, whose lock is between threads, unless the user has set another.

    Its own lock is between processes too, and from Python 3.14 on such a lock starts a process that stays: the resource
    tracker of multiprocessing, whose start method is no longer fork.
    """
    from tqdm.auto import tqdm

    if not hasattr(tqdm, "_lock"):
        tqdm.set_lock(threading.RLock())
    return tqdm


def _in_a_notebook() -> bool:
    interactive = sys.modules.get("IPython")  # a notebook has imported it
    return interactive is not None and getattr(interactive.get_ipython(), "kernel", None) is not None


@contextlib.contextmanager
def report_progress_on_interrupt(message: Callable[[], str]) -> Iterator[None]:
    """Raise a KeyboardInterrupt anew with `message()` as its text, without the traceback of where it arrived."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(message()) from None


@contextlib.contextmanager
def keep_on_interrupt(done: Callable[[], str], table: Callable[[], "pd.DataFrame"]) -> Iterator[None]:
    """Raise a KeyboardInterrupt anew that has what was measured as its `frame`; its text says how much and where it is.

    It is no class of its own: Python ends a script with the status of an interrupt for a KeyboardInterrupt only.
    """
    try:
        yield
    except KeyboardInterrupt:
        frame = table()
        kept = "sys.last_value.frame has them, or the exception's .frame where you catch it"
        interrupt = KeyboardInterrupt(f"{done()}: {kept}" if len(frame) else done())
        interrupt.frame = frame  # type: ignore[attr-defined]
        raise interrupt from None
