"""`iomux.check_chat`: what a correct chat room does, item by item.

The room is a stream, like an echo server, but for the others: what one member sends goes to all that are connected, as
it is and in its order, and not back to its sender. A member whose stream ends, or breaks, has left. One that does not
read is kept 1 MiB (`chat_room.MOST_OWED_BYTES`), and is let go when it is owed much more: it loses its place, never
bytes from the middle; and nobody else waits.
"""

from collections.abc import Iterable

from iomux import servers
from iomux.conformance import chat_heard, chat_slow
from iomux.conformance.chat_room import CHAT_ITEMS
from iomux.conformance.report import Report
from iomux.conformance.run import try_all

_PAGES = (chat_heard, chat_slow)  # their items are registered as they are imported, in this order


def check_chat(target: str | servers.Serve, only: str | Iterable[str] | None = None, progress: bool = True) -> Report:
    """Try a chat room for all that a correct one does, and report item by item.

    Arguments, report and errors are those of `iomux.check`; the items are `chat_room.CHAT_ITEMS`. Cost: some 7 s for a
    correct room.
    """
    return try_all(CHAT_ITEMS, "pass on what is said", target, only, progress)
