"""The registry of servers: each mechanism's name, its I/O model, and whether and why this machine lacks it.

A mechanism is named here and imported on first use, so that `import iomux` stays quick and a machine
without epoll can still run everything else. `IOMUX_WITHOUT=epoll,uvloop` in the environment hides
mechanisms by name, and their variants too, to try what a machine without them shows.
"""

import functools
import importlib
import importlib.util
import select
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from iomux.servers.protocol import Speaks
from iomux.system.features import hidden, install

Serve = Callable[..., Any]
"""`serve(listener, handler=echo)`: serves a bound, listening TCP socket and never returns."""


def _nothing_missing() -> str:
    return ""


def _lacks(attribute: str, call: str) -> Callable[[], str]:
    return lambda: "" if hasattr(select, attribute) else f"this system has no {call} (Python's select.{attribute})"


def _lacks_uvloop() -> str:
    return "" if importlib.util.find_spec("uvloop") else f"uvloop is not installed: {install('compare')}"


def _lacks_io_uring() -> str:
    from iomux.system.io_uring_abi import why_not

    return why_not()


class Mechanism(NamedTuple):
    """One way to serve many clients, by its registered name.

    Example:
    >>> [mechanism.name for mechanism in iomux.mechanisms() if mechanism.model == "asynchronous"]
    ['io_uring']
    """

    name: str
    """The name by which `iomux.start` and other functions know it."""
    model: str
    """The I/O model in the terms of POSIX and Stevens: blocking, nonblocking, multiplexing, asynchronous."""
    summary: str
    """How it serves, in one line."""
    where: str
    """`module:function` of its `serve`."""
    missing: Callable[[], str] = _nothing_missing
    """Returns why this machine lacks it; an empty string if it does not."""
    variant_of: str = ""
    """The mechanism of which this is a variant: hiding that one hides this one too."""

    def why_not(self) -> str:
        """Why this machine cannot run it; empty if it can."""
        if {self.name, self.variant_of} & hidden():
            return "hidden by the environment variable IOMUX_WITHOUT"
        return self.missing()

    def available(self) -> bool:
        """Whether this machine can run it."""
        return not self.why_not()

    def load(self) -> Serve:
        """Its `serve` function, for a handler or a protocol. Raises LookupError with the reason if it is missing."""
        if reason := self.why_not():
            raise LookupError(f"{self.name} is not available here: {reason}")
        module, _, name = self.where.partition(":")
        serve: Serve = getattr(importlib.import_module(f"iomux.servers.{module}"), name)
        carried = importlib.util.find_spec(f"iomux.servers.carriers.{module}")
        return _either(serve, f"iomux.servers.carriers.{module}", name) if carried else serve


def _either(with_handler: Serve, module: str, name: str) -> Serve:
    """A function for a handler, and for a protocol its counterpart of this name in `iomux.servers.carriers`."""

    @functools.wraps(with_handler)
    def serve(*arguments: Any) -> Any:
        if not any(isinstance(argument, Speaks) for argument in arguments):
            return with_handler(*arguments)
        return getattr(importlib.import_module(module), name)(*arguments)

    return serve


_ALL = (
    Mechanism("blocking", "blocking", "one client at a time", "blocking:serve"),
    Mechanism("threaded", "blocking", "a thread for each client", "threaded:serve"),
    Mechanism("nonblocking", "nonblocking", "ask everyone, all the time", "nonblocking:serve"),
    Mechanism(
        "select",
        "multiplexing",
        "the whole list at every call, 1,024 at most",
        "select_:serve",
        _lacks("select", "select"),
    ),
    Mechanism("poll", "multiplexing", "the whole list at every call", "poll_:serve", _lacks("poll", "poll")),
    Mechanism("epoll", "multiplexing", "the kernel keeps the list", "epoll_:serve", _lacks("epoll", "epoll")),
    Mechanism(
        "epoll-et",
        "multiplexing",
        "the kernel keeps the list, reports changes",
        "epoll_:serve_edge_triggered",
        _lacks("epoll", "epoll"),
        variant_of="epoll",
    ),
    Mechanism("generators", "multiplexing", "straight-line code that yields where it must wait", "coroutines:serve"),
    Mechanism("coroutines", "multiplexing", "the same as async def, on the same scheduler", "coroutines:serve_async"),
    Mechanism("asyncio", "multiplexing", "a BufferedProtocol on the standard library's loop", "asyncio_:serve"),
    Mechanism(
        "uvloop", "multiplexing", "a plain Protocol on uvloop's loop, libuv", "asyncio_:serve_uvloop", _lacks_uvloop
    ),
    Mechanism("io_uring", "asynchronous", "notified when the bytes are in", "uring:serve", _lacks_io_uring),
)


def mechanisms() -> tuple[Mechanism, ...]:
    """Every registered mechanism, available here or not, in the order of the course.

    Example:
    >>> [mechanism.name for mechanism in iomux.mechanisms()][:3]
    ['blocking', 'threaded', 'nonblocking']
    """
    return _ALL


def names() -> list[str]:
    """The names of the mechanisms that this machine can run, in the order of the course.

    Example:
    >>> "poll" in iomux.names()
    True
    """
    return [mechanism.name for mechanism in _ALL if mechanism.available()]


def get(name: str) -> Mechanism:
    """The mechanism called `name`. Raises LookupError, with the known names, for an unknown one.

    Example:
    >>> from iomux.servers import get
    >>> get("poll").summary
    'the whole list at every call'
    """
    for mechanism in _ALL:
        if mechanism.name == name:
            return mechanism
    from iomux.system.limits import did_you_mean  # not at the top: no server needs it

    known = [mechanism.name for mechanism in _ALL]
    choose = f"choose one of {', '.join(known)}, or write file.py:function"
    raise LookupError(f"no server is called {name!r}: {did_you_mean(name, known)}{choose}")


def run_forever(serve: Serve, *arguments: Any) -> NoReturn:
    """Call a `serve` function, and raise RuntimeError if it returns: its clients would otherwise wait for ever."""
    serve(*arguments)
    name = getattr(getattr(serve, "__self__", serve), "__name__", repr(serve))  # of a method: what it belongs to
    raise RuntimeError(f"{name}() returned: a server loops for ever, and is ended with its process")
