"""The script of the clients: lines of (seconds, client, bytes)."""

from collections.abc import Sequence
from itertools import pairwise

Line = tuple[float, str, bytes]
"""When, in seconds; which client, by a name; what it sends. No bytes: it reads all it is owed, and half-closes."""


def check_script(script: Sequence[Line]) -> None:
    """Raise ValueError, saying what to change, for a script that can't be played."""
    if not script:
        raise ValueError("the script is empty: give lines of (seconds, client, bytes)")
    if any(later[0] < earlier[0] for earlier, later in pairwise(script)):
        raise ValueError("the script's lines are not in the order of their times")
    for client in {line[1] for line in script}:
        sent = [bool(data) for _, who, data in script if who == client]
        if sent.count(False) != 1 or sent[-1]:
            raise ValueError(f"client {client}: its last line, and only that, has no bytes to send")
