"""Run a command with io_uring forbidden, as by a container's seccomp filter.

    python -m tests.denied ERRNO COMMAND...

Every io_uring_setup of the command and of its child processes fails with that errno. PR_SET_NO_NEW_PRIVS makes
privileges unnecessary. Sources: seccomp(2), prctl(2), include/uapi/linux/{seccomp,filter,bpf_common}.h.
"""

import ctypes
import os
import struct
import sys

UNDER_SECCOMP = __name__

_SETUP = 425
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 22, 38, 2
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
_ALLOW, _ERRNO = 0x7FFF_0000, 0x0005_0000
_INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def deny(error: int) -> None:
    """Make io_uring_setup fail with that errno, in this process and in all that it starts."""
    program = b"".join(
        _INSTRUCTION.pack(*instruction)
        for instruction in (
            (_LOAD_WORD, 0, 0, 0),  # the first word of struct seccomp_data: the system call's number
            (_JUMP_IF_EQUAL, 0, 1, _SETUP),
            (_RETURN, 0, 0, _ERRNO | error),
            (_RETURN, 0, 0, _ALLOW),
        )
    )
    libc = ctypes.CDLL(None, use_errno=True)
    filtered = ctypes.byref(_Program(len(program) // _INSTRUCTION.size, program))
    for call in ((_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, filtered, 0, 0)):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), f"prctl: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    deny(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
