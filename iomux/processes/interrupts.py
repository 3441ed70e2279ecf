"""An interrupt of something long says how far it was."""

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def report_progress_on_interrupt(words: Callable[[], str]) -> Iterator[None]:
    """Let a KeyboardInterrupt go on with `words()` as its message, without the place where it happened to come."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(words()) from None
