"""Other people's loops: the same echo server on nine frameworks and runtimes, in six languages.

Each program is written as its framework's documentation does it: some 20 lines where the framework buffers and closes,
more where it only polls. They are command lines for `iomux.start`, `sweep` and `check`. What has to be compiled is
compiled into a folder that the caller gives; what this machine lacks is left out, and said.

Cost: a compiler takes from a tenth of a second (C) to some seconds (Rust).
"""

import contextlib
import shlex
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from iomux.course.loops.catalogue import LOOPS as LOOPS
from iomux.course.loops.catalogue import SOURCES, Loop
from iomux.processes.server import launch
from iomux.system.procfs import asleep_in

_BUILD_SECONDS = 300
_CLIENTS, _SILENT_SECONDS, _PATIENCE = 5, 0.3, 3.0
_ELSEWHERE = ("futex", "nanosleep", "sigtimedwait", "sigsuspend")
"""Parts of the kernel functions in which a thread waits for another thread, for time or for a signal: for no socket."""


def programs(folder: str | Path) -> dict[str, str]:
    """The command line of each program that this machine can run, by its loop's name; built in `folder` if need be.

    For each of the others, print a line that says why not. `IOMUX_WITHOUT=Node,Go` hides some.

    Example:
    >>> from iomux.course import loops
    >>> import contextlib, tempfile
    >>> with contextlib.redirect_stdout(None), tempfile.TemporaryDirectory() as folder:
    ...     found = loops.programs(folder)
    >>> all("{port}" in line for line in found.values())
    True
    """
    found = {}
    with ThreadPoolExecutor() as pool:  # a compiler seldom keeps two cores busy
        lines = [pool.submit(build, loop, folder) for loop in LOOPS]
    for loop, line in zip(LOOPS, lines, strict=True):
        try:
            found[loop.name] = line.result()
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
        _copy(SOURCES / loop.source, own)
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


def asleep_of(server: str) -> Counter[str]:
    """Start it, serve a few clients, and look while all are silent: the kernel functions in which its threads sleep.

    server: as for `iomux.start`. Returns what `iomux.system.procfs.asleep_in` does. Raises as `iomux.start`.

    Example:
    >>> from iomux.course import loops
    >>> loops.asleep_of("poll").total()
    1
    """
    with launch(server) as running, contextlib.ExitStack() as stack:
        for _ in range(_CLIENTS):
            client = stack.enter_context(socket.create_connection(running.address, timeout=10))
            client.sendall(b"hello")
            client.recv(5, socket.MSG_WAITALL)
        time.sleep(_SILENT_SECONDS)
        until = time.monotonic() + _PATIENCE
        while (found := asleep_in(running.pid))["not asleep"] and time.monotonic() < until:
            time.sleep(0.05)  # a thread waits for a core, or looks after the others and will sleep again
        return found


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
    return bool(for_sockets) and all(is_epoll(where) for where in for_sockets)


def is_epoll(where: str) -> bool:
    """Whether this kernel function is epoll's wait.

    Example:
    >>> from iomux.course import loops
    >>> loops.is_epoll("ep_poll"), loops.is_epoll("poll_schedule_timeout.constprop.0")
    (True, False)
    """
    return "epoll" in where or where.startswith("ep_")
