"""Interrupting a long run: the KeyboardInterrupt reports the progress."""

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def report_progress_on_interrupt(message: Callable[[], str]) -> Iterator[None]:
    """Raise a KeyboardInterrupt anew with `message()` as its text, without the traceback of where it arrived."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(message()) from None
