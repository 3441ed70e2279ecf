"""The processes that a test has started."""

import os

import psutil


def children() -> set[psutil.Process]:
    """The child processes of this one. psutil searches all processes, so the kernel is asked first if there are any."""
    try:
        if hasattr(os, "waitid"):  # not in every macOS
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # reaps none; without children ECHILD
    except ChildProcessError:
        return set()
    return set(psutil.Process().children())
