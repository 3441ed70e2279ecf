"""Converters for option values: each parses one text, or raises a one-line error that says what to write."""

import argparse
from pathlib import Path


def given(text: str) -> str:
    """A text that is not empty: an empty address is every address, and an empty path this folder."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty: give one (is it a variable of the shell that is not set?)")
    return text


def path(text: str) -> Path:
    """A path, which is not empty."""
    return Path(given(text))


def items(text: str) -> list[str]:
    """The names of items, as in "echoes,pieces"."""
    return [name.strip() for name in text.split(",") if name.strip()]


def port(text: str) -> int:
    """A port, 0 to 65535."""
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give 0 (any free one) to 65535")
    return int(text)


def whole(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number: write it as 64") from None


def real(text: str) -> float:
    """A number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number: write it as 0.5") from None


def counts(text: str) -> list[int]:
    """Whole numbers, as in "1,10,100"."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers: write it as 1,10,100") from None


def ring(text: str) -> tuple[int, int, int]:
    """Pairs, active and writes, as in "128,100,1000"."""
    try:
        pairs, active, writes = (int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no ring: write it as 128,100,1000, for pairs, active and writes"
        ) from None
    return pairs, active, writes


def active(text: str) -> int | None:
    """A number of active connections, or None for "all"."""
    if text == "all":
        return None
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of active connections: give a number, or 'all'"
        ) from None
