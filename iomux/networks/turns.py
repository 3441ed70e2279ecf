"""When the wire gets a processor: before other programs where that is allowed, else for short turns, and so sooner.
And one that is awake.

On a busy machine a process that wakes up waits until the turn of another one is over, some milliseconds, and a packet
that is due then is late. A real cable does not wait for a processor, so the wire should not, either:

- As root it runs under SCHED_FIFO, before all ordinary programs. It needs a processor for as long as there are packets,
  and 0.1 ms before each; the kernel keeps 5 % for the others, whatever happens (sched(7)).
- Any user may ask for turns of another length, since Linux 6.12 (sched_setattr(2); sched-eevdf.rst). With shorter ones
  its turn comes sooner and ends sooner, and its share stays what it was. An older kernel ignores the number.

A processor with nothing to do halts, and is woken by an interrupt: some 0.1 ms on a virtual machine, for which its host
has to find time. A round trip wakes one several times, and none of that is the wire's delay. As root one can ask that
no processor halts (pm_qos_interface.rst, /dev/cpu_dma_latency): an idle one then spins. That costs full power, so it is
asked for as long as packets travel, and a second longer.
"""

import ctypes
import os
import platform
import struct
from io import FileIO
from pathlib import Path

SHORTEST_NS = 100_000
"""The shortest turn that the kernel grants (kernel/sched/syscalls.c, __setparam_fair)."""
LATENCY = Path("/dev/cpu_dma_latency")
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


class Awake:
    """Whether all processors stay awake; they do between `hold` and `release`, where this user may ask for that."""

    def __init__(self) -> None:
        self._may = True
        self._held: FileIO | None = None

    def hold(self) -> None:
        """Let no processor halt, until `release` or the end of this process."""
        if self._may and self._held is None:
            try:
                self._held = LATENCY.open("r+b", buffering=0)
                self._held.write(struct.pack("=i", 0))  # no microsecond may pass until one runs again
            except OSError:  # for root only, and not in every container
                self.release()
                self._may = False

    def release(self) -> None:
        """Let them halt again. Does nothing if they may already."""
        if self._held is not None:
            self._held.close()
            self._held = None
