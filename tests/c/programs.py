"""The C programs for comparison: a bare epoll server and client, compiled if there is a compiler."""

import functools
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent


def compiler() -> str | None:
    """The C compiler of this machine, if there is one."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@functools.cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="iomux-c-")  # removed when this process ends


@functools.cache
def program(name: str) -> str:
    """Compile `tests/c/NAME.c` and return the program's path. CalledProcessError if it does not compile."""
    out = str(Path(_folder().name) / name)
    command = [compiler() or "cc", "-O2", "-Wall", "-Werror", "-o", out, str(SOURCES / f"{name}.c")]
    subprocess.run(command, check=True)
    return out


class CServer:
    """`serve` for `iomux.start`: the process becomes the C server, with the same listener and the same lifeline."""

    __name__ = "C epoll"

    def __init__(self) -> None:
        self.path = program("epoll_server")

    def __call__(self, listener: socket.socket) -> None:
        """Become the C program: it inherits the listener, and still ends with its owner."""
        descriptor = os.dup(listener.fileno())
        os.set_inheritable(descriptor, True)
        os.execv(self.path, [self.path, str(descriptor)])
