"""The waiting calls of Python's `select` module, replaced in this process so that each wait is seen.

A registered server gets its poller as an argument (`observed.instrument`). A loop that someone wrote makes its
own: with `select.select`, `select.poll` or `select.epoll`, or with `selectors` and asyncio, which are built on these
three. So these three are replaced, in the process that runs the server and before its file is imported: in the
module `select`, in the classes of `selectors`, and wherever else a module has taken them by name.

Not seen: a wait in C that does not pass through here (uvloop, gevent, ctypes), and an epoll or poll object made before.
Cost: a Python call more for each wait and each change of an interest list, and whatever the observer notes.
"""

import inspect
import select
import selectors
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from iomux.servers.connection import READ, WRITE


class Observer(Protocol):
    """What is called for each wait."""

    def entered(self) -> int:
        """A wait begins; return what `told` shall get, such as the time."""

    def told(self, entered: int, ready: Iterable[tuple[int, int]]) -> None:
        """The wait has returned with these descriptors, each with what it is ready for."""

    def listed(self) -> None:
        """An interest list in the kernel is about to change."""


class _Select:
    """`select.select`, watched; an object, because a function that is kept in a class would become a method."""

    def __init__(self, call: Callable[..., Any], observer: Observer) -> None:
        self._call, self._observer = call, observer

    def __call__(self, *arguments: Any) -> Any:
        entered = self._observer.entered()
        found = self._call(*arguments)
        self._observer.told(entered, _descriptors(found))
        return found


def _descriptors(found: Any) -> Iterator[tuple[int, int]]:
    for ready, events in zip(found, (READ, WRITE), strict=False):
        for who in ready:
            yield (who if isinstance(who, int) else who.fileno()), events


def _watched(make: Any, observer: Observer, in_kernel: bool) -> type:
    """A class whose objects are the pollers that `make` makes; programs write `select.epoll | None`, so no function."""

    class Watched:
        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            self._poller = make(*arguments, **keywords)

        @classmethod
        def around(cls, poller: Any) -> Any:
            found = cls.__new__(cls)
            found._poller = poller
            return found

        @classmethod
        def fromfd(cls, fd: int) -> Any:
            return cls.around(make.fromfd(fd))

        def poll(self, *arguments: Any, **keywords: Any) -> Any:
            entered = observer.entered()
            ready = self._poller.poll(*arguments, **keywords)
            observer.told(entered, ready)
            return ready

        def register(self, *arguments: Any, **keywords: Any) -> Any:
            return self._list(self._poller.register, *arguments, **keywords)

        def modify(self, *arguments: Any, **keywords: Any) -> Any:
            return self._list(self._poller.modify, *arguments, **keywords)

        def unregister(self, *arguments: Any, **keywords: Any) -> Any:
            return self._list(self._poller.unregister, *arguments, **keywords)

        def _list(self, change: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
            if in_kernel:
                observer.listed()
            return change(*arguments, **keywords)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._poller, name)

        def __enter__(self) -> "Watched":
            return self

        def __exit__(self, *_: object) -> None:
            self._poller.close()

    Watched.__name__ = Watched.__qualname__ = make.__name__
    return Watched


def watch(observer: Observer, *functions: Any) -> None:
    """From now on, in this process, let `observer` see every wait that goes through the module `select`.

    functions: those that are about to be called; one from a notebook's cell has names of its own.
    """
    replaced: dict[int, tuple[Any, Any]] = {id(select.select): (select.select, _Select(select.select, observer))}
    for name in ("poll", "epoll"):
        if make := getattr(select, name, None):
            replaced[id(make)] = make, _watched(make, observer, in_kernel=name == "epoll")
    for module in list(sys.modules.values()):
        _replace(getattr(module, "__dict__", {}), replaced)
    for function in functions:
        _replace(getattr(inspect.unwrap(function), "__globals__", {}), replaced)
    for kind in list(vars(selectors).values()):
        for name, value in list(vars(kind).items()) if isinstance(kind, type) else ():
            if id(value) in replaced:
                setattr(kind, name, replaced[id(value)][1])


def _replace(names: dict[str, Any], replaced: dict[int, tuple[Any, Any]]) -> None:
    for name, value in list(names.items()):
        if id(value) in replaced:
            names[name] = replaced[id(value)][1]
        elif isinstance(value, selectors.BaseSelector):
            _adopt(value, replaced)


def _adopt(selector: Any, replaced: dict[int, tuple[Any, Any]]) -> None:
    """Watch a selector that is there already; its own poller stays, with all that is registered."""
    own = getattr(selector, "_selector", None)  # Lib/selectors.py, _PollLikeSelector
    for make, watched in replaced.values():
        if type(own).__module__ == "select" and type(own).__name__ == make.__name__:
            selector._selector = watched.around(own)
