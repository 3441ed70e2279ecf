"""The log of a process: a file with all that it prints, trimmed so that it never uses much of the disk.

A pipe would block a server that prints while nothing reads it, and a limit on file size (RLIMIT_FSIZE) would apply
to every file that it writes. So the log is a plain file, and all but the end of a long one is returned to the
file system by punching a hole (fallocate(2), FALLOC_FL_PUNCH_HOLE): the writer, and processes that inherited its
descriptor, do not notice this, and the last output is never lost. A thread of the owner checks the logs every tenth
of a second while processes run; between two checks the disk has to hold what can be printed in that time.
This needs Linux and a file system that supports it (ext4, xfs, btrfs, tmpfs): elsewhere a log is not bounded.
"""

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable, Hashable
from typing import IO

MOST_BYTES = 16 << 20
"""How much of the disk a log may use before all but its end is freed."""
_END_BYTES = 64 * 1024
_CHECK_SECONDS = 0.1
_KEEP_SIZE, _PUNCH_HOLE = 1, 2  # linux/falloc.h

_lock = threading.RLock()
"""The owner may close a log, and its number must not be reused while we punch a hole. Reentrant: Python may collect
garbage at any moment, also while we hold it, and ends what belongs to a server or a network that nobody has."""
_watched: dict[Hashable, IO[bytes]] = {}
_watchers: list[threading.Thread] = []


def read_log(log: IO[bytes]) -> str:
    """The end of a process's log. It is read by pread because the file offset is shared with the writer."""
    size = written_bytes(log)
    start = max(0, size - _END_BYTES)
    text = os.pread(log.fileno(), _END_BYTES, start).decode(errors="replace")
    return f"[{start:,} bytes left out]\n{text}" if start else text


def written_bytes(log: IO[bytes]) -> int:
    """How many bytes were written to a log so far, including those freed."""
    return os.fstat(log.fileno()).st_size


def too_much(written: int) -> str:
    """A hint for the error of a failed server that printed more than `MOST_BYTES`; empty if it printed less."""
    if written <= MOST_BYTES:
        return ""
    return (
        f" And it has printed more than {MOST_BYTES >> 20} MiB: does a loop print without end? "
        "Printing takes a server's time: print less, and try again."
    )


def watch(who: Hashable, log: IO[bytes]) -> None:
    """Keep a log short until `unwatch(who)`, which must be called before the log is closed."""
    if sys.platform != "linux":
        return
    with _lock:
        _watched[who] = log
        if not any(thread.is_alive() for thread in _watchers):
            _watchers.clear()
            thread = threading.Thread(target=_trim_logs, name="iomux-logs", daemon=True)
            thread.start()
            _watchers.append(thread)


def unwatch(who: Hashable) -> None:
    """Stop trimming its log, which may then be closed."""
    with _lock:
        _watched.pop(who, None)


def _trim_logs() -> None:
    libc = ctypes.CDLL(None)
    punch = getattr(libc, "fallocate64", None) or libc.fallocate  # musl has one name for both
    punch.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    while True:
        with _lock:
            if not _watched:
                _watchers.clear()
                return
            _trim(punch)
        time.sleep(_CHECK_SECONDS)


def _trim(punch: Callable[[int, int, int, int], int]) -> None:
    for who, log in list(_watched.items()):
        try:
            status = os.fstat(log.fileno())
            if status.st_blocks * 512 > MOST_BYTES:
                punch(log.fileno(), _KEEP_SIZE | _PUNCH_HOLE, 0, status.st_size - _END_BYTES)
        except (ValueError, OSError):  # it is closed: whoever did that was interrupted before `unwatch`
            _watched.pop(who, None)


def _reset_after_fork() -> None:
    """Reset in a fork of the owner: the thread does not run there, and the logs are not the fork's."""
    _watched.clear()
    _watchers.clear()
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_reset_after_fork)
