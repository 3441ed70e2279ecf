"""What a carrier asks of a factory: a conversation with a new client, and to do what is due that belongs to none.

An error in either is logged, and ends no more than the client that it belongs to.
"""

import time
from collections.abc import Callable

from iomux.servers.protocol import Factory, Speaks
from iomux.servers.protocol.conversation import Conversation
from iomux.servers.protocol.interest import log_error


def meet(speaks: Speaks, shut: Callable[[], None], wake: Callable[[], None]) -> Conversation | None:
    """The conversation with a new client, None on an error; `Conversation` says when the two functions are called."""
    try:
        return Conversation(speaks.factory, time.monotonic(), shut, wake, speaks.limits)
    except Exception:
        log_error()
        return None


def call_late(factory: Factory) -> None:
    """Call `factory.late` if it is due."""
    if (now := time.monotonic()) >= factory.due:
        try:
            factory.late(now)
        except Exception:
            log_error()
