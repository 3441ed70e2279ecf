"""Sizes, durations and rates as readable text."""


def size_name(size: float) -> str:
    """A size in bytes as text: 64 B, 12 KiB, 1 MiB."""
    for unit, factor in (("MiB", 1024**2), ("KiB", 1024)):
        if size >= factor:
            count = size / factor
            return f"{count:.0f} {unit}" if count >= 10 else f"{count:.2g} {unit}"
    return f"{size:.0f} B"


def duration(microseconds: float) -> str:
    """A time as text, to two or three digits in a suitable unit: 850 µs, 1.2 ms, 2.5 s."""
    for unit, size in (("µs", 1.0), ("ms", 1e3), ("s", 1e6)):
        value = microseconds / size
        if value < 999.5 or unit == "s":
            return f"{value:.0f} {unit}" if unit == "µs" or value >= 99.5 else f"{value:.3g} {unit}"
    return f"{microseconds:.0f} µs"


def percent(share: float) -> str:
    """A share as a whole percentage.

    Example:
    >>> from iomux.system.units import percent
    >>> percent(0.254)
    '25 %'
    """
    return f"{100 * share:.0f} %"


def seconds(nanoseconds: int) -> str:
    """Nanoseconds as seconds with two decimals.

    Example:
    >>> from iomux.system.units import seconds
    >>> seconds(1_500_000_000)
    '1.50 s'
    """
    return f"{nanoseconds / 1e9:.2f} s"


def rate(per_second: float) -> str:
    """Events a second as a number: whole ones, and below ten to three digits.

    Example:
    >>> from iomux.system.units import rate
    >>> rate(12_345.6), rate(0.5)
    ('12,346', '0.5')
    """
    return f"{per_second:,.0f}" if per_second >= 9.995 else f"{per_second:.3g}"
