"""The stages of the check, and where its rules stand."""

from functools import partial

from iomux.conformance.trial.items import Item
from iomux.conformance.trial.items import item as any_item

REDIS_ITEMS: dict[str, Item] = {}
"""The items of a server that speaks Redis' protocol, by their names; `stages.py` has their order."""
item = partial(any_item, into=REDIS_ITEMS, points=2)

WORDS, TIME, VALUES = "A first words", "B time", "C values"
FRAMING, PRESSURE = "D framing", "E under pressure"


def spec(section: str) -> str:
    """A section of the protocol's specification."""
    return f"redis.io, Redis serialization protocol specification ({section})"


def page(*names: str) -> str:
    """The pages of some commands."""
    return ", ".join(f"redis.io/commands/{name}" for name in names)


def suite(what: str) -> str:
    """A file of Redis' sources, where the specification says nothing."""
    return f"redis 7.0, {what}"


def cli(*lines: str) -> tuple[str, ...]:
    """The lines of redis-cli that send these commands, each on a connection of its own."""
    return tuple(f"redis-cli -p PORT {line}" for line in lines)


def piped(sent: str) -> tuple[str, ...]:
    """A line that sends these bytes, in printf's notation, and shows for a second what comes back."""
    return (f"printf '{sent}' | nc -q 1 127.0.0.1 PORT | cat -v",)
