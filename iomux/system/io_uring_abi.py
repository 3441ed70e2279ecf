"""The constants and memory layouts of io_uring, and its system calls from Python.

Every name in capitals and its number is from include/uapi/linux/io_uring.h, without the prefix IORING_.
"""

import ctypes
import errno
import mmap
import os
import struct
import sys
from pathlib import Path
from typing import Any, NamedTuple

SETUP, ENTER, REGISTER = 425, 426, 427  # __NR_io_uring_setup and so on (include/uapi/asm-generic/unistd.h)
OP_NOP, OP_RECVMSG, OP_TIMEOUT, OP_ACCEPT, OP_ASYNC_CANCEL, OP_LINK_TIMEOUT = 0, 10, 11, 13, 14, 15
OP_READ, OP_SEND, OP_RECV, OP_SEND_ZC = 22, 26, 27, 47
IOSQE_FIXED_FILE = 1 << 0
"""Flag of an entry: its descriptor is a place in the list of registered files (REGISTER_FILES)."""
IOSQE_IO_LINK = 1 << 2
"""Flag of an entry: the next one belongs to it."""
IOSQE_ASYNC = 1 << 4
"""Flag of an entry: give it to a kernel worker without first trying to complete it at submission."""
IOSQE_BUFFER_SELECT = 1 << 5
"""Flag of an entry: the kernel chooses the buffer when the bytes come."""
ACCEPT_MULTISHOT, RECV_MULTISHOT = 1 << 0, 1 << 1
SEND_ZC_REPORT_USAGE, NOTIF_USAGE_ZC_COPIED = 1 << 3, 1 << 31
"""Asked in `ioprio`, and answered in the result of a zero-copy send's second completion (Linux 6.2)."""
CQE_F_BUFFER, CQE_F_MORE, CQE_BUFFER_SHIFT = 1 << 0, 1 << 1, 16
SETUP_SQPOLL, SETUP_SQ_AFF, SETUP_CQSIZE, SETUP_COOP_TASKRUN = 1 << 1, 1 << 2, 1 << 3, 1 << 8
SETUP_SINGLE_ISSUER, SETUP_DEFER_TASKRUN = 1 << 12, 1 << 13
REGISTER_FILES, REGISTER_IOWQ_AFF, REGISTER_PBUF_RING = 2, 17, 22
SQ_NEED_WAKEUP, SQ_CQ_OVERFLOW = 1 << 0, 1 << 1
ENTER_GETEVENTS, ENTER_SQ_WAKEUP, ENTER_SQ_WAIT = 1 << 0, 1 << 1, 1 << 2
FEAT_SINGLE_MMAP, FEAT_NODROP = 1 << 0, 1 << 1
OFF_SQ_RING, OFF_SQES = 0, 0x1000_0000
WORD = 0xFFFF_FFFF  # heads and tails are unsigned 32-bit numbers that wrap around

SQE = struct.Struct("=BBHiQQIIQH22x")
"""struct io_uring_sqe: opcode, flags, ioprio, fd, off, addr, len, op_flags, user_data, buf_group; the rest unused."""
CQE = struct.Struct("=QiI")
"""struct io_uring_cqe: user_data, res, flags."""
PARAMS = struct.Struct("=7I12x 7I12x 7I12x")
"""struct io_uring_params: sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, wq_fd; then the
offsets of head, tail, ring_mask, ring_entries, flags, dropped, array; and head, tail, ring_mask, ring_entries,
overflow, cqes, flags."""
TIMESPEC = struct.Struct("=qq")  # struct __kernel_timespec

# CDLL and not PyDLL: it releases the interpreter lock, so that other threads run while the call waits.
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.argtypes = [ctypes.c_long] * 7
_syscall.restype = ctypes.c_long


def address_of(buffer: Any) -> tuple[int, Any]:
    """The address of a writable buffer, and an object that keeps it there by preventing resizes."""
    view = (ctypes.c_char * len(buffer)).from_buffer(buffer)
    return ctypes.addressof(view), view


class Lent(NamedTuple):
    """Writable memory to lend to the kernel: made by `lend` once, and usable any number of times."""

    address: int
    size: int
    keep: Any
    """The object that keeps it at its address."""


NOTHING = Lent(0, 0, None)


def lend(buffer: Any) -> Lent:
    """Prepare a writable buffer (bytearray, memoryview, mmap) for lending; it can't be resized from then on.

    Example:
    >>> from iomux.system.io_uring import lend
    >>> lend(bytearray(5)).size
    5
    """
    address, keep = address_of(buffer)
    return Lent(address, len(buffer), keep)


class Mapped(NamedTuple):
    """The rings and the entries in memory, and their heads, tails and flags as numbers shared with the kernel."""

    rings: mmap.mmap
    sqes: mmap.mmap
    sq: tuple[ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32]
    """The submission ring's head, tail and flags."""
    cq: tuple[ctypes.c_uint32, ctypes.c_uint32]
    """The completion ring's head and tail."""
    cqes: int
    """Where in `rings` the completions begin."""


def map_rings(fd: int, entries: int, size: int, sq: list[int], cq: list[int]) -> Mapped:
    """Map the two rings, in one piece, and the entries; sq, cq: the offsets from io_uring_setup(2)."""
    rings = mmap.mmap(fd, max(sq[6] + 4 * entries, cq[5] + CQE.size * size), offset=OFF_SQ_RING)
    sqes = mmap.mmap(fd, SQE.size * entries, offset=OFF_SQES)
    word = ctypes.c_uint32.from_buffer  # stored in one piece; struct.pack_into("=I") writes byte by byte
    struct.pack_into(f"={entries}I", rings, sq[6], *range(entries))  # slot i holds entry i
    head, tail, flags = (word(rings, sq[i]) for i in (0, 1, 4))
    return Mapped(rings, sqes, (head, tail, flags), (word(rings, cq[0]), word(rings, cq[1])), cq[5])


def call(*arguments: int) -> int:
    """Make a system call by its number, again if a signal interrupted it (PEP 475)."""
    while (result := _syscall(*arguments, *[0] * (7 - len(arguments)))) < 0:
        if (number := ctypes.get_errno()) != errno.EINTR:
            raise OSError(number, os.strerror(number))
    return int(result)


def why_not() -> str:
    """Try io_uring and say why this process can't use it; empty if it can. Source: io_uring_setup(2), ERRORS."""
    if sys.platform != "linux":
        return "only Linux has io_uring"
    try:
        _try_setup(SETUP_COOP_TASKRUN)  # this flag came with multishot accept
    except OSError as error:
        return _EXPLAINED.get(error.errno or 0, f"io_uring_setup failed: {error.strerror}") + _switched_off()
    return ""


def why_not_deferred() -> str:
    """Why a ring here can't keep its work until its thread asks for completions; empty if it can."""
    if reason := why_not():
        return reason
    try:
        _try_setup(SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN)
    except OSError as error:
        return f"the kernel refuses DEFER_TASKRUN, which came with Linux 6.1: {error.strerror}"
    return ""


def _try_setup(flags: int) -> None:
    params = bytearray(PARAMS.pack(0, 0, flags, *[0] * 18))
    os.close(call(SETUP, 1, address_of(params)[0]))


_EXPLAINED = {
    errno.EINVAL: "the kernel's io_uring is older than Linux 5.19, which brought multishot accept",
    errno.ENOSYS: "io_uring_setup is not there: a kernel before Linux 5.1, or a container's seccomp filter",
    errno.EPERM: "io_uring_setup is forbidden: by a container's seccomp filter, or by the system",
}


def _switched_off() -> str:
    switch = Path("/proc/sys/kernel/io_uring_disabled")
    value = switch.read_text().strip() if switch.exists() else "0"
    return "" if value == "0" else f" (kernel.io_uring_disabled is {value})"
