"""A process that can signal only itself and what it starts: Landlock, which any user may set for himself.

Two processes of one user may otherwise end each other, so a server could end the program that tests it. With
LANDLOCK_SCOPE_SIGNAL (Linux 6.12, landlock(7)) kill(2) fails with EPERM for every process outside; those outside can
still signal it. It holds for all that the process starts, for ever. A user without CAP_SYS_ADMIN has to set
PR_SET_NO_NEW_PRIVS first (prctl(2)): then `sudo` and other set-user-ID programs get no more rights below it.
"""

import ctypes
import os
import struct
import sys

_CREATE_RULESET, _RESTRICT_SELF = 444, 446  # the same numbers on every architecture
_SCOPE_SIGNAL = 1 << 1  # linux/landlock.h
_PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h


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
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return _restrict(libc, ruleset)
    finally:
        os.close(ruleset)


def _restrict(libc: ctypes.CDLL, ruleset: int) -> bool:
    return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
