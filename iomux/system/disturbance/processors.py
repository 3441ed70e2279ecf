"""What each core did, and how two cores are related: /proc/stat and /sys/devices/system/cpu.

A core's time is shown in hundredths of a second (proc_stat(5), sysconf(_SC_CLK_TCK)), and many kernels sample who has
the core, at each timer interrupt: a share is exact to a few per cent in a run of a second. Stolen time is reported by
the hypervisor (Documentation/virt/kvm/x86/cpuid.rst, KVM_FEATURE_STEAL_TIME); without one it is 0. Cost of a reading:
some 0.1 ms, more on a machine with many cores, because /proc/stat lists every interrupt.
"""

import os
from pathlib import Path
from typing import NamedTuple

_STAT, _CORES = Path("/proc/stat"), Path("/sys/devices/system/cpu")
_USER, _NICE, _SYSTEM, _STOLEN = 1, 2, 3, 8  # fields of a line "cpu0 ..." (proc_stat(5))


class CoreTime(NamedTuple):
    """Seconds that one core has spent since the machine was started."""

    busy: float
    """In processes: user and system time, without interrupts."""
    stolen: float
    """In which it was ready to run and the hypervisor ran something else."""

    def since(self, earlier: "CoreTime") -> "CoreTime":
        """What was spent after `earlier`."""
        return CoreTime(self.busy - earlier.busy, self.stolen - earlier.stolen)


def core_times(stat: Path = _STAT) -> dict[int, CoreTime]:
    """The time of each core, by its number; empty on a system without /proc/stat."""
    try:
        lines = stat.read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    tick = os.sysconf("SC_CLK_TCK")
    found = {}
    for fields in (line.split() for line in lines if line.startswith("cpu") and not line.startswith("cpu ")):
        busy = sum(int(fields[place]) for place in (_USER, _NICE, _SYSTEM))
        found[int(fields[0][3:])] = CoreTime(busy / tick, int(fields[_STOLEN]) / tick if len(fields) > _STOLEN else 0.0)
    return found


def siblings(core: int, cores: Path = _CORES) -> set[int]:
    """The threads of the same physical core, itself included (SMT, "hyper-threading"); only itself if unknown."""
    try:
        text = (cores / f"cpu{core}" / "topology" / "thread_siblings_list").read_text(encoding="ascii")
    except OSError:
        return {core}
    return numbers(text)


def numbers(text: str) -> set[int]:
    """The numbers of a list as the kernel writes it: "0-2,5".

    Example:
    >>> from iomux.system.disturbance.processors import numbers
    >>> numbers("0-2,5")
    {0, 1, 2, 5}
    """
    found = set[int]()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def frequency_mhz(core: int, cores: Path = _CORES) -> float | None:
    """How fast a core runs now; None where the machine does not tell, as in most virtual machines.

    Documentation/admin-guide/pm/cpufreq.rst, scaling_cur_freq.
    """
    try:
        return int((cores / f"cpu{core}" / "cpufreq" / "scaling_cur_freq").read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):
        return None
