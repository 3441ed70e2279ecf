"""Send a function to another process by value, with the locks, pollers, queues and files that its names stand for.

A function of a notebook's cell is in no file that could be imported. So it is sent with all that it refers to, and
there is a kind of thing that can't be copied: a lock, a poller, a queue, a pool of threads, a file that is written to.
In a file these would be made when it is imported. So here too they are made anew in the other process: unlocked, empty.

A socket is not among them: it has an address, and a second one there would be another thing. A counter of itertools,
which Python 3.14 pickles no more, is sent with the number that comes next.
"""

import ast
import concurrent.futures
import contextlib
import io
import itertools
import queue
import select
import selectors
import threading
from collections.abc import Callable
from typing import Any

import cloudpickle

_Made = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function and its arguments, which make the thing again (pickle's `__reduce__`)."""
_ANEW: dict[type, Callable[..., Any]] = {
    type(threading.Lock()): threading.Lock,
    type(threading.RLock()): threading.RLock,
    threading.local: threading.local,
    queue.SimpleQueue: queue.SimpleQueue,
}
_ANEW |= {type(getattr(select, name)()): getattr(select, name) for name in ("poll", "epoll") if hasattr(select, name)}


def dumps(value: object) -> bytes:
    """The value, pickled; `pickle.loads` makes it again, also in a process that has never seen its module.

    Raises TypeError or pickle.PicklingError, with the name of its type, for what can be neither copied nor made anew.

    Example:
    >>> import pickle, threading
    >>> from iomux.processes.named.by_value import dumps
    >>> lock = threading.Lock()
    >>> with lock:
    ...     print(pickle.loads(dumps(lock)).locked())
    False
    """
    file = io.BytesIO()
    _Pickler(file).dump(value)
    return file.getvalue()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    def reducer_override(self, value: Any) -> Any:
        made = _made_anew(value)
        return super().reducer_override(value) if made is None else made


def _made_anew(value: Any) -> _Made | None:
    """How to make a thing again that can't be copied; None if it may be."""
    if anew := _ANEW.get(type(value)):
        return anew, ()
    if isinstance(value, selectors.BaseSelector):
        return type(value), ()
    if type(value) is itertools.count:
        with contextlib.suppress(ValueError):  # of numbers that are no literals
            return itertools.count, tuple(ast.literal_eval(f"[{repr(value)[len('count(') : -1]}]"))
    if isinstance(value, concurrent.futures.ThreadPoolExecutor):
        return concurrent.futures.ThreadPoolExecutor, (value._max_workers,)
    if isinstance(value, io.TextIOWrapper) and value.writable() and isinstance(value.name, str):
        return open, (value.name, "a", -1, value.encoding)
    if isinstance(value, io.BufferedWriter) and isinstance(value.name, str):
        return open, (value.name, "ab")
    return None
