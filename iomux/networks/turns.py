"""When the wire gets a processor: before other programs where that is allowed, else for short turns, and so sooner.

On a busy machine a process that wakes up waits until the turn of another one is over, some milliseconds, and a packet
that is due then is late. A real cable does not wait for a processor, so the wire should not, either:

- As root it runs under SCHED_FIFO, before all ordinary programs. It needs a processor for as long as there are packets,
  and 0.1 ms before each; the kernel keeps 5 % for the others, whatever happens (sched(7)).
- Any user may ask for turns of another length, since Linux 6.12 (sched_setattr(2); sched-eevdf.rst). With shorter ones
  its turn comes sooner and ends sooner, and its share stays what it was. An older kernel ignores the number.
"""

import ctypes
import os
import platform
import struct

SHORTEST_NS = 100_000
"""The shortest turn that the kernel grants (kernel/sched/syscalls.c, __setparam_fair)."""
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")  # struct sched_attr: size, policy, flags, nice, priority, runtime, ...
_SETATTR = {"x86_64": 314, "aarch64": 274}.get(platform.machine())  # the C library has had it since glibc 2.41


def prefer() -> None:
    """Let this process run soon when it wakes up, as far as this machine allows; what it starts is ordinary again."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:  # for root, or for whom RLIMIT_RTPRIO allows it
        shorten()


def shorten() -> None:
    """Ask for the shortest turns for this process. Does nothing where that can't be asked for."""
    if _SETATTR is not None and os.sched_getscheduler(0) == os.SCHED_OTHER:
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        asked = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, SHORTEST_NS, 0, 0)
        ctypes.CDLL(None).syscall(_SETATTR, 0, asked, 0)
