"""The process that forks another one for each job: what all jobs import is imported here, once.

A Python process that imports the clients of a check uses some 0.1 s of a core before it does anything; a fork of one
that has done so shares its memory until it writes (copy on write, fork(2)), and takes some milliseconds. No thread
may run here: a fork copies only the thread that called it, and the locks of the others as they were.

The forked process gets its work over a pipe, as one that was started anew does, and goes on in the same function: it
has a session of its own, and ends with its owner (see `iomux.processes.child`).
"""

import contextlib
import gc
import importlib
import os
import socket
import struct
from collections.abc import Iterable

from iomux.processes.worker_main import main

FORK, HAS_ENDED = b"f", b"w"
"""What the owner asks: for a process (with its standard input, output and error), or whether one has ended."""
RUNS = -(1 << 31)
"""The answer instead of a status, while the process runs."""
NUMBER = struct.Struct("!i")


def serve_forks(control: int, modules: Iterable[str]) -> None:
    """Import the modules, then fork a process each time that the owner asks for one, until the owner leaves."""
    for module in modules:
        importlib.import_module(module)
    gc.freeze()  # the collector would write to each object, and so copy the memory that is shared
    with socket.socket(fileno=control) as owner:
        while True:
            message, descriptors, *_ = socket.recv_fds(owner, len(FORK) + NUMBER.size, 3)
            if not message:
                return
            number = _fork(owner, descriptors) if message[:1] == FORK else _status(*NUMBER.unpack(message[1:]))
            with contextlib.suppress(BrokenPipeError):  # the owner has given up, as the next message will tell
                owner.sendall(NUMBER.pack(number))


def _fork(owner: socket.socket, descriptors: list[int]) -> int:
    if pid := os.fork():
        for descriptor in descriptors:
            os.close(descriptor)
        return pid
    owner.close()
    os.setsid()
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    main()
    os._exit(0)


def _status(pid: int) -> int:
    """How it ended, as `subprocess.Popen.returncode` says it; RUNS if it has not."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else RUNS
