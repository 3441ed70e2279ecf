"""What a process gives up for good: to signal others (Landlock), or some system calls (a seccomp filter).

Any user may do this to his own process, and it holds for all that the process starts.

Two processes of one user may otherwise end each other, so a server could end the program that tests it. With
LANDLOCK_SCOPE_SIGNAL (Linux 6.12, landlock(7)) kill(2) fails with EPERM for every process outside; those outside can
still signal it. A user without CAP_SYS_ADMIN has to set PR_SET_NO_NEW_PRIVS first (prctl(2)): then `sudo` and other
set-user-ID programs get no more rights below it.

A seccomp filter is a program for the kernel, in BPF: it looks at the number of each system call, and lets it pass or
makes it fail, as in many containers. What io_uring carries out is no system call, so no filter sees it.
Sources: seccomp(2), prctl(2), include/uapi/linux/{seccomp,filter,bpf_common}.h.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence

_CREATE_RULESET, _RESTRICT_SELF = 444, 446  # the same numbers on every architecture
_SCOPE_SIGNAL = 1 << 1  # linux/landlock.h
_GET_SECCOMP, _SET_SECCOMP, _SET_NO_NEW_PRIVS = 21, 22, 38  # linux/prctl.h
_MODE_FILTER = 2  # linux/seccomp.h
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
_ALLOW, _ERRNO = 0x7FFF_0000, 0x0005_0000
_INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter
RECEIVE = {"x86_64": (45, 47, 299), "aarch64": (207, 212, 243)}.get(platform.machine(), ())
"""The numbers of recvfrom, which `socket.recv` calls, of recvmsg and of recvmmsg; empty for an unknown processor."""


def confine_signals() -> bool:
    """Let this process signal only itself and what it starts; False if the kernel can't do that."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = struct.pack("=QQQ", 0, 0, _SCOPE_SIGNAL)  # struct landlock_ruleset_attr: no files, no network
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:  # ENOSYS, EOPNOTSUPP: not built in, or off; E2BIG: older than 6.12
        return False
    try:
        if _restrict(libc, ruleset):
            return True
        libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return _restrict(libc, ruleset)
    finally:
        os.close(ruleset)


def _restrict(libc: ctypes.CDLL, ruleset: int) -> bool:
    return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def forbid(numbers: Sequence[int], error: int = errno.EPERM) -> None:
    """Make the system calls of these numbers fail with `error`, in this thread and in all that it starts, for ever.

    Raises OSError where the kernel has no such filters.

    Example:
    >>> from iomux.system.confine import RECEIVE, forbid
    >>> def serve(listener, handler):
    ...     forbid(RECEIVE)  # in the server's process
    ...     iomux.servers.get("poll").load()(listener, handler)
    >>> with iomux.start(serve) as server:
    ...     iomux.load(server, duration=0.1, warmup=0).unserved
    1
    """
    jumps = [(_JUMP_IF_EQUAL, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    lines = [(_LOAD_WORD, 0, 0, 0), *jumps, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO | error)]
    program = b"".join(_INSTRUCTION.pack(*line) for line in lines)  # the word at 0 of seccomp_data is the number
    filtered = ctypes.byref(_Program(len(lines), program))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_SET_SECCOMP, _MODE_FILTER, filtered, 0, 0)):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), f"prctl: {os.strerror(ctypes.get_errno())}")


def why_not() -> str:
    """Why receiving can't be forbidden to a process here; empty if it can."""
    if sys.platform != "linux" or not RECEIVE:
        return f"the numbers of system calls are not known for {sys.platform} on {platform.machine()}"
    libc = ctypes.CDLL(None, use_errno=True)
    return "" if libc.prctl(_GET_SECCOMP, 0, 0, 0, 0) >= 0 else "this kernel has no seccomp filters"
