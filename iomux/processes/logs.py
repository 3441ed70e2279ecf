"""What a process has written: a file that never holds much of the disk, however much is printed.

A pipe would block a server that prints whenever nobody drains it, and a limit on a file's size (RLIMIT_FSIZE) would
hold for every file that it writes. So the log stays a plain file, and of a long one all but the end is given back to
the file system by punching a hole (fallocate(2), FALLOC_FL_PUNCH_HOLE): the writer, and whoever inherited the
descriptor from it, sees nothing of that, and nothing that was written last can be lost. A thread of the owner looks
every tenth of a second while processes run; between two looks the disk has to hold what can be printed in that time.
Only on Linux, and on file systems that can do it (ext4, xfs, btrfs, tmpfs): elsewhere a log is not bounded.
"""

import ctypes
import os
import sys
import threading
import time
from collections.abc import Hashable
from typing import IO

MOST_BYTES = 16 << 20
"""What a log may hold of the disk before all but its end is given back."""
_END_BYTES = 64 * 1024
_LOOK_SECONDS = 0.1
_KEEP_SIZE, _PUNCH_HOLE = 1, 2  # linux/falloc.h

_lock = threading.Lock()  # a log is closed by its owner, and its number must not be another file's while we punch
_watched: dict[Hashable, IO[bytes]] = {}
_watchers: list[threading.Thread] = []


def read_log(log: IO[bytes]) -> str:
    """The end of what a process has written to its log. Its offset is shared with the writer: pread leaves it alone."""
    size = written_bytes(log)
    start = max(0, size - _END_BYTES)
    text = os.pread(log.fileno(), _END_BYTES, start).decode(errors="replace")
    return f"[{start:,} bytes left out]\n{text}" if start else text


def written_bytes(log: IO[bytes]) -> int:
    """How many bytes were written to a log so far, those given back included."""
    return os.fstat(log.fileno()).st_size


def too_much(written: int) -> str:
    """What to tell of a server that has failed, if so many bytes are more than one prints for people to read."""
    if written <= MOST_BYTES:
        return ""
    return (
        f" And it has printed more than {MOST_BYTES >> 20} MiB: does a loop print without end? "
        "Printing takes a server's time: print less, and try again."
    )


def watch(who: Hashable, log: IO[bytes]) -> None:
    """Keep a log short until `unwatch(who)`, which has to come before the log is closed."""
    if sys.platform != "linux":
        return
    with _lock:
        _watched[who] = log
        if not _watchers:
            thread = threading.Thread(target=_keep_short, name="iomux-logs", daemon=True)
            thread.start()
            _watchers.append(thread)


def unwatch(who: Hashable) -> None:
    """Its log may be closed now."""
    with _lock:
        _watched.pop(who, None)


def _keep_short() -> None:
    libc = ctypes.CDLL(None)
    punch = getattr(libc, "fallocate64", None) or libc.fallocate  # the second is the first in musl, which has one
    punch.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    while True:
        with _lock:
            if not _watched:
                _watchers.clear()
                return
            for log in _watched.values():
                status = os.fstat(log.fileno())
                if status.st_blocks * 512 > MOST_BYTES:
                    punch(log.fileno(), _KEEP_SIZE | _PUNCH_HOLE, 0, status.st_size - _END_BYTES)
        time.sleep(_LOOK_SECONDS)


def _forget() -> None:
    """In a fork of the owner: no thread of ours runs there, and no log is its own."""
    _watched.clear()
    _watchers.clear()
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_forget)
