"""The C programs for comparison: a bare epoll server and client, compiled if there is a compiler."""

import functools
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from iomux.system.machine import cores, pin
from iomux.system.sockets import Address

SOURCES = Path(__file__).parent


class ClientFigures(NamedTuple):
    """The figures that the C client prints."""

    requests: int
    requests_per_s: float
    p50_us: float


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


def c_client(address: Address, connections: int, active: int, size: int, seconds: float) -> ClientFigures:
    """Load `address` with the C client, on the core that `iomux.load` would use."""
    arguments = [program("epoll_client"), str(address[1]), *map(str, (connections, active, size, seconds))]
    done = subprocess.run(
        arguments,
        check=True,
        capture_output=True,
        text=True,
        timeout=60 + seconds,
        preexec_fn=lambda: pin(cores()[-1]),
    )
    requests, per_second, p50_ns = done.stdout.split()
    return ClientFigures(int(requests), float(per_second), int(p50_ns) / 1000)
