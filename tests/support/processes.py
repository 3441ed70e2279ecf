"""The processes that a test has started."""

import contextlib
import os

import psutil


def children() -> set[psutil.Process]:
    """The child processes of this one, without Python's own that stays (multiprocessing's resource tracker).

    psutil searches all processes, so the kernel is asked first if there are any.
    """
    try:
        if hasattr(os, "waitid"):  # not in every macOS
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # reaps none; without children ECHILD
    except ChildProcessError:
        return set()
    return {child for child in psutil.Process().children() if not _is_tracker(child)}


def _is_tracker(child: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any("multiprocessing.resource_tracker" in word for word in child.cmdline())
    return False


def own_mark(name: str) -> str:
    """A mark for the environment of what a test starts, which no other run on this machine has."""
    return f"{name} of {os.getpid()}"


def marked(mark: str) -> list[int]:
    """The processes with this mark in their environment, orphans included."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("IOMUX_MARK") == mark and process.pid != os.getpid():
                found.append(process.pid)
    return found
