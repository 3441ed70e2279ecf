"""What was sent and what came, around the first byte in which they differ, with a caret under that byte.

A byte that is no printable ASCII character is written as an escape of four columns (`\\x00`), so a line holds some 40
bytes at most. Offsets count from 0, from the beginning of what the client is owed.
"""

_BEFORE, _AFTER = 12, 28
_COLUMNS = 60
"""How wide the bytes of a line may be; escapes make it reach fewer of them."""
_MOST_COLUMNS = 84
"""How wide a line may be: a report's line has 95, 11 of them an indent."""
_ESCAPES = {ord("\n"): r"\n", ord("\r"): r"\r", ord("\t"): r"\t", ord("\\"): r"\\"}


def first_difference(sent: bytes, got: bytes) -> int:
    """The offset of the first byte that differs; the shorter one's length if it is the beginning of the other."""
    shorter = min(len(sent), len(got))
    if sent[:shorter] == got[:shorter]:
        return shorter
    low, high = 0, shorter  # compares whole blocks: a loop over 64 MiB would take seconds
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sent[low:middle] == got[low:middle] else (low, middle - 1)
    return low


def window(sent: bytes, got: bytes, how: str = "") -> list[str]:
    """Three lines: the bytes that are due, those that came, and a caret under the first wrong or missing one.

    how: why nothing more came. What the caret means has a line of its own if it does not fit beside it.

    Example:
    >>> from iomux.conformance.trial.window import window
    >>> print("\\n".join(window(b"left\\x00right", b"leftright")))
    due:  left\\x00right
    came: leftright
              ^ byte 4 is wrong: 'r' (0x72) instead of '\\x00' (0x00)
    """
    first = first_difference(sent, got)
    start = max(0, first - _BEFORE)
    lead = f"…{start:,}: " if start else ""
    lines = [f"{name:<6}{lead}{_line(data, start, first)}" for name, data in (("due:", sent), ("came:", got))]
    column, meaning = 6 + len(lead) + len(escaped(sent[start:first])), _meaning(sent, got, first, how)
    if column + len(meaning) + 2 <= _MOST_COLUMNS:
        return [*lines, " " * column + f"^ {meaning}"]
    return [*lines, " " * column + "^", f"      {meaning}"]


def escaped(data: bytes) -> str:
    """Bytes as text: printable ASCII as it is, all others as an escape of Python's."""
    return "".join(_ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}") for byte in data)


def _line(data: bytes, start: int, first: int) -> str:
    """The bytes from `start` on, as many as fit, with dots if there are more."""
    if len(data) <= start:
        return "" if data else "(nothing)"
    end = min(len(data), first + _AFTER)
    while end > first and len(escaped(data[start:end])) > _COLUMNS:
        end -= 1
    return escaped(data[start:end]) + ("…" if end < len(data) else "")


def _meaning(sent: bytes, got: bytes, first: int, how: str) -> str:
    if first == len(got):
        return f"stopped after {first:,} of {_count(len(sent))}{f': {how}' if how else ''}"
    if first == len(sent):
        return f"more came than the {_count(len(sent))} due"
    return f"byte {first:,} is wrong: {_byte(got[first])} instead of {_byte(sent[first])}"


def _count(size: int) -> str:
    return f"{size:,} byte{'' if size == 1 else 's'}"


def _byte(value: int) -> str:
    return f"'{escaped(bytes([value]))}' (0x{value:02x})"
