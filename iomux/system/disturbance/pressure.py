"""How long tasks were ready to run and waited for a core: pressure stall information, /proc/pressure/cpu.

`some` counts the time in which at least one task of the machine waited (Documentation/accounting/psi.rst). The kernel
may be built without it, or start with it switched off (`psi=1` on its command line): then nothing is known.
"""

from pathlib import Path

_FILE = Path("/proc/pressure/cpu")


def waited_s(file: Path = _FILE) -> float | None:
    """Seconds since the machine was started in which some task waited for a core; None if the kernel does not count.

    Example:
    >>> from iomux.system.disturbance.pressure import waited_s
    >>> (waited_s() or 0.0) >= 0.0
    True
    """
    try:
        first = file.read_text(encoding="ascii").splitlines()[0]
    except (OSError, IndexError):  # OSError: not there, or switched off (EOPNOTSUPP)
        return None
    return int(first.rpartition("total=")[2]) / 1e6
