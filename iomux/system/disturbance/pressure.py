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
    found = _some(file)
    return int(found["total"]) / 1e6 if found else None


def lately(file: Path = _FILE) -> float:
    """The share of the last ten seconds in which some task waited for a core; 0 if the kernel does not count.

    Example:
    >>> from iomux.system.disturbance.pressure import lately
    >>> 0.0 <= lately() <= 1.0
    True
    """
    return float(_some(file).get("avg10", 0)) / 100


def _some(file: Path) -> dict[str, str]:
    """The values of the line "some"; none if the kernel does not count."""
    try:
        first = file.read_text(encoding="ascii").splitlines()[0]
    except (OSError, IndexError):  # OSError: not there, or switched off (EOPNOTSUPP)
        return {}
    return dict(value.split("=") for value in first.split()[1:])
