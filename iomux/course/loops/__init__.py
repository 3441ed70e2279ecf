"""Other people's loops: the same echo server on nine frameworks and runtimes, in six languages.

Each program is written as its framework's documentation does it: some 20 lines where the framework buffers and closes,
more where it only polls. They are command lines for `iomux.start`, `sweep` and `check`. What has to be compiled is
compiled into a folder that the caller gives; what this machine lacks is left out, and said.

Cost: a compiler takes from a tenth of a second (C) to some seconds (Rust).
"""

import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from iomux.course.loops.catalogue import LOOPS, PROGRAMS, Loop

_BUILD_SECONDS = 300
_ELSEWHERE = ("futex", "nanosleep", "sigtimedwait", "sigsuspend")
"""Parts of the kernel functions in which a thread waits for another thread, for time or for a signal: for no socket."""


def programs(folder: str | Path) -> dict[str, str]:
    """The command line of each program that this machine can run, by its loop's name; built in `folder` if need be.

    For each of the others, print a line that says why not. `IOMUX_WITHOUT=Node,Go` hides some.

    Example:
    >>> import tempfile
    >>> from iomux.course import loops
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     set(loops.programs(folder)) <= {loop.name for loop in loops.LOOPS}  # doctest: +ELLIPSIS
    ...
    """
    found = {}
    for loop in LOOPS:
        try:
            found[loop.name] = build(loop, folder)
        except LookupError as reason:
            print(f"{loop.name} ({loop.language}) is left out: {reason}")
    return found


def build(loop: Loop, folder: str | Path) -> str:
    """Build one in a folder of its own in `folder`, and return its command line. Raises LookupError if that can't be.

    Example:
    >>> from iomux.course import loops
    >>> node = next(loop for loop in loops.LOOPS if loop.name == "Node")
    >>> node.why_not() != "" or "{port}" in loops.build(node, "unused")
    True
    """
    if reason := loop.why_not():
        raise LookupError(reason)
    own = Path(folder).resolve() / Path(loop.source).stem
    if loop.build:
        _copy(PROGRAMS / loop.source, own)
        done = subprocess.run(
            shlex.split(loop.line(loop.build, own)), cwd=own, capture_output=True, text=True, timeout=_BUILD_SECONDS
        )
        if done.returncode:
            said = [*done.stderr.strip().splitlines(), *done.stdout.strip().splitlines(), f"status {done.returncode}"]
            raise LookupError(f"it can't be built here ({said[0].strip()}): it needs {loop.get}")
    return loop.line(loop.run, own)


def _copy(source: Path, folder: Path) -> None:
    """Copy a program's source: compilers also write beside it."""
    if source.is_dir():
        shutil.copytree(source, folder, dirs_exist_ok=True)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder)


def waits_in_epoll(asleep: Mapping[str, int]) -> bool:
    """Whether a process waits for its sockets in epoll, and nowhere else; asleep: of `iomux.system.procfs.asleep_in`.

    Threads that wait for other threads, for time or for a signal do not count: Node, Go and Java have some. Kernel
    functions: fs/eventpoll.c, ep_poll, which is shown by its caller's name where it was inlined.

    Example:
    >>> from iomux.course import loops
    >>> loops.waits_in_epoll({"do_epoll_wait": 1, "futex_wait_queue": 4}), loops.waits_in_epoll({"do_sys_poll": 1})
    (True, False)
    """
    for_sockets = [where for where in asleep if not any(other in where for other in _ELSEWHERE)]
    return bool(for_sockets) and all(_is_epoll(where) for where in for_sockets)


def _is_epoll(where: str) -> bool:
    return "epoll" in where or where.startswith("ep_")


def missing(names: Iterable[str]) -> list[str]:
    """The loops that are not among `names`, as those that a record has to be shown for.

    Example:
    >>> from iomux.course import loops
    >>> loops.missing(loop.name for loop in loops.LOOPS if loop.name != "Go")
    ['Go']
    """
    present = set(names)
    return [loop.name for loop in LOOPS if loop.name not in present]
