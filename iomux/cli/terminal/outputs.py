"""What a command writes: files, which are checked before the long run instead of after it, and the standard streams.

A standard error that is closed, or that nobody reads, changes nothing; a reader of the results that has left ends the
command with a status of its own, that of a program in C which SIGPIPE has ended.
"""

import contextlib
import io
import os
import select
import sys
from pathlib import Path

READER_LEFT = 141
"""The status of a shell for what SIGPIPE has ended."""


def check_output(path: Path | None) -> None:
    """Raise ValueError, saying what to choose instead, for a file that can't be written; None is none."""
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write {path.name} into: make it, or choose another")
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give the name of a file")
    if path.exists() and not path.is_file():
        return  # a pipe, or a device: who reads from it would take a writer that came and went for the end
    file = path.resolve()  # a link may lead to a file that is not there yet
    new = not file.exists()
    try:
        file.open("a").close()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ValueError(f"{path} can't be written ({why}): choose another") from None
    if new:
        file.unlink()


def prepare_streams() -> None:
    """Open the null device where a standard stream is closed, and write what an encoding lacks with backslashes.

    A file or a socket that is opened later would else get the number of the stream.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 (open as long as the process)
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Write a line to standard error, if it can be written to."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def reader_left() -> bool:
    """Whether standard output is a pipe, or a socket, that nobody reads any more (POLLERR, poll(2))."""
    poller = select.poll()
    poller.register(1, 0)
    return any(events & select.POLLERR for _, events in poller.poll(0))


def delivered(status: int) -> int:
    """Write what is still in the streams' buffers; return the status, or another one if that could not be done."""
    try:
        sys.stdout.flush()
    except OSError as error:
        status = undelivered(error)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # at its end Python tries once more
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    return status


def undelivered(error: OSError) -> int:
    """The status for what could not be written to standard output, after a line that says why."""
    if isinstance(error, BrokenPipeError) and reader_left():
        return READER_LEFT
    say(f"iomux: the output could not be written: {(error.strerror or str(error)).lower()}")
    return 2
