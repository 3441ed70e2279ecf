"""What a server is given before it is soaked by a protocol: a site with the file that its clients ask for, or a store.

Only a registered name is given one. A server of somebody else's that speaks Redis is soaked as it is; one that serves
files has its own, and a soak could not tell whether they come back whole.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from iomux.harness.soak.dialogue import DIALOGUES, write_pool
from iomux.processes.resolve import Found, name_of
from iomux.protocols.http import site
from iomux.protocols.resp import store
from iomux.servers.protocol import Speaks

_ECHO, _HTTP = "echo", "http"


def spoken(protocol: str | None, target: Found) -> str:
    """The name of the dialogue. Raises ValueError if the protocol is unknown, or this server can't be soaked by it."""
    known = [name for name in DIALOGUES if name != _ECHO]
    if protocol is not None and protocol not in known:
        raise ValueError(f"protocol is {protocol!r}: choose {' or '.join(map(repr, known))}, or None for an echo")
    if protocol == _HTTP and not isinstance(target, str):
        raise ValueError(
            f"{name_of(target)} serves files of its own: over HTTP a soak asks for a file that it has made, so give "
            "the name of a registered server"
        )
    return protocol or _ECHO


@contextlib.contextmanager
def protocol_of(speaks: str, target: Found, seed: int) -> Iterator[Speaks | None]:
    """What the server is to be started with; None for an echo, and for a server that speaks the protocol itself."""
    if not isinstance(target, str) or speaks == _ECHO:
        yield None
    elif speaks == _HTTP:
        with tempfile.TemporaryDirectory(prefix="iomux-soak-") as folder:
            write_pool(Path(folder), seed)
            yield Speaks(site(folder))
    else:
        yield Speaks(store())
