"""The system call in which a thread sleeps, by the name that a program uses, from /proc.

`/proc/PID/task/TID/syscall` has its number (proc_pid_syscall(5)), but only for those who may trace the process;
`wchan` has the kernel function in which it sleeps, which tells most of them apart, too.
"""

import contextlib
import platform
from pathlib import Path

_X86 = {
    0: "read",
    1: "write",
    7: "poll",
    20: "writev",
    23: "select",
    35: "nanosleep",
    43: "accept",
    44: "send",
    45: "recv",
    46: "sendmsg",
    47: "recvmsg",
    61: "wait",
    128: "sigtimedwait",
    130: "sigsuspend",
    202: "futex",
    230: "nanosleep",
    232: "epoll_wait",
    247: "wait",
    270: "select",
    271: "poll",
    281: "epoll_wait",
    288: "accept",
    426: "io_uring_enter",
    441: "epoll_wait",
}
"""System calls in which a server sleeps, by the plain names (arch/x86/entry/syscalls/syscall_64.tbl)."""
_ARM = {
    22: "epoll_wait",
    63: "read",
    64: "write",
    72: "select",
    73: "poll",
    95: "wait",
    98: "futex",
    101: "nanosleep",
    115: "nanosleep",
    133: "sigsuspend",
    137: "sigtimedwait",
    202: "accept",
    206: "send",
    207: "recv",
    211: "sendmsg",
    212: "recvmsg",
    242: "accept",
    260: "wait",
    426: "io_uring_enter",
    441: "epoll_wait",
}
"""The same of include/uapi/asm-generic/unistd.h."""
_CALLS = {"x86_64": _X86, "aarch64": _ARM}.get(platform.machine(), {})
_FUNCTIONS = {
    "ep_poll": "epoll_wait",
    "do_epoll_wait": "epoll_wait",
    "poll_schedule_timeout": "select or poll",
    "do_poll": "poll",
    "do_select": "select",
    "do_sys_poll": "poll",
    "inet_csk_accept": "accept",
    "sk_wait_data": "recv",
    "wait_woken": "recv",
    "sk_stream_wait_memory": "send",
    "futex_wait_queue": "futex",
    "futex_wait_queue_me": "futex",
    "futex_do_wait": "futex",
    "hrtimer_nanosleep": "nanosleep",
    "do_nanosleep": "nanosleep",
    "do_wait": "wait",
    "io_cqring_wait": "io_uring_enter",
}
"""Kernel functions in which a thread sleeps, by the call that leads there."""


def call_of(task: Path) -> str:
    """The call in which a thread sleeps; "running" if it does not; empty if that is hidden."""
    with contextlib.suppress(OSError, ValueError):
        first = (task / "syscall").read_text().split()[0]
        if first == "running":
            return first
        return _CALLS.get(int(first)) or f"system call {first}"
    with contextlib.suppress(OSError):
        function = (task / "wchan").read_text().strip()
        return "" if function in ("", "0") else _FUNCTIONS.get(function, function)
    return ""
