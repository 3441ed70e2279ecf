"""What further evidence says about a cause: a hint that follows from what was seen, not from what is common.

When an item has failed, it costs little to ask once more: does the same size come back with other bytes? Do the bytes
that are missing come later? Which number has the descriptor of the client that waits? Each function returns a hint, or
an empty one if the evidence says nothing: then the item's own hint stands.
"""

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence

import psutil

from iomux.conformance.trial import rest
from iomux.conformance.trial.clients import connect, message, receive
from iomux.conformance.trial.recording import RECORDING
from iomux.conformance.trial.subject import Fault, NotSeen, Subject, pids
from iomux.system.sock_diag.at_port import sockets_at

FD_SETSIZE = 1024
"""The first descriptor number for which select's sets have no place (select(2))."""
_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_PROBE_SECONDS, _PROBE_BYTES = 0.7, 48
_MOST_LOOKED_AT = 16 << 20
_OTHER_VALUES = {
    b"\0": "The same number of letters comes back, but not with a zero byte among them: the size is no cause, the "
    "byte's value is. What ends at a zero byte: strlen, strcpy, a %s? recv says how many bytes there are.",
    b"\n": "The same number of letters comes back, but not with a newline among them: the size is no cause, the "
    "byte's value is. Does your server read lines? A stream of bytes has none.",
    b"\xff": "The same number of letters comes back, but not with a byte of 0xff among them: the size is no cause, the "
    "byte's value is. Is what came decoded as text, or kept in a signed char?",
}
_SOME_VALUE = (
    "The same number of letters comes back: the size is no cause, the value of a byte is. What does your server do "
    "with a byte that is no letter: is it decoded as text, is the end of a string or of a line looked for?"
)
_THIS_VALUE = (
    "Letters come back, and this does not: {}. What does your server do with these bytes: is the end of a string or of "
    "a line looked for, is white space stripped, is what came taken for text or for a command?"
)
_OUT_OF_ORDER = (
    "The bytes that are missing here came later, behind others: two writes to one client were under way at a time, and "
    "each of them in parts. Write for a client one answer at a time, and keep the rest in a queue, in order."
)
_DOUBLED = (
    "Bytes that had come already came again: when send takes a part, only the rest is still to be sent. How far has "
    "your server got, and where does it keep that?"
)
_NOT_ACCEPTED = (
    "These clients wait in the backlog: your server does not call accept any more. What keeps it from that: a table or "
    "a pool that is full, a count of all clients so far, a thread that has ended, a limit of descriptors (ulimit -n)?"
)
_ONE_OF_SEVERAL = (
    "Several sockets listen at this port (SO_REUSEPORT), and the kernel gives each of them some of the clients. From "
    "one nobody accepts: is it a worker's that has not begun, or that has ended its loop and keeps its socket?"
)
SHARED = (
    "What a client was still owed is overwritten by what came for another one. Which buffer do all clients share: a "
    "static or global one, an attribute of the server, a variable that a closure has captured? Each needs its own."
)
"""The hint for a server that gives a client the bytes of another one."""
_NOT_SERVED = (
    "The client that waits was accepted, and its descriptor's number is below 1,024: something of your own is full, a "
    "table, a pool of threads, a counter. Serve it, or close it at once, so that it does not wait."
)


def value_or_size(subject: Subject, size: int) -> str:
    """Why a message of random bytes did not come back: ask for as many letters, then for one byte among them.

    If the same bytes come back to a client that sends nothing else, it is neither: what came before them matters.
    """
    letters = (_LETTERS * (size // len(_LETTERS) + 1))[:size]
    if _comes_back(subject, message(size)) or not _comes_back(subject, letters):
        return ""
    middle = size // 2
    for value, hint in _OTHER_VALUES.items():
        if not _comes_back(subject, letters[:middle] + value + letters[middle + 1 :]):
            return hint
    return _SOME_VALUE


@contextlib.contextmanager
def value_matters(subject: Subject, suspects: Sequence[bytes]) -> Iterator[None]:
    """Add to a fault which of these few bytes does not come back among letters, or alone; no hint if all do.

    None either if not even letters come back: then nobody is served any more, whatever is sent.
    """
    try:
        yield
    except Fault as fault:
        for one in suspects if _comes_back(subject, _LETTERS) else ():
            if not _comes_back(subject, b"ab" + one + b"cd") or not _comes_back(subject, one):
                fault.hint = _THIS_VALUE.format(_shown(one))
                break
        raise


def _shown(data: bytes) -> str:
    return repr(data)[1:] if any(value in _LETTERS for value in data) else " ".join(f"0x{value:02x}" for value in data)


def _comes_back(subject: Subject, data: bytes) -> bool:
    with RECORDING.paused(), contextlib.suppress(OSError, Fault, NotSeen), connect(subject) as client:
        client.settimeout(_PROBE_SECONDS)
        client.sendall(data)
        return receive(client, len(data), data)[0] == data
    return False


def lost_or_late(sent: bytes, got: bytes, client: socket.socket) -> str:
    """Whether the first byte that is missing in `got` comes later, or others came twice; empty if it was lost."""
    first = next((place for place, (a, b) in enumerate(zip(sent, got, strict=False)) if a != b), len(got))
    came, missing = got[first : first + _PROBE_BYTES], sent[first : first + _PROBE_BYTES]
    if not came:
        return ""
    if 0 <= sent.find(came) < first:
        return _DOUBLED
    client.settimeout(_PROBE_SECONDS)
    more = got[first:] + receive(client, _MOST_LOOKED_AT)[0]
    return _OUT_OF_ORDER if missing in more else ""


def not_accepted(subject: Subject) -> str:
    """That clients wait in a listener's queue, and nobody accepts them; empty if none waits."""
    port = subject.address[1]
    if not rest.waiting(port):
        return ""
    return _ONE_OF_SEVERAL if rest.listeners(port) > 1 else _NOT_ACCEPTED


def why_it_waits(subject: Subject, client: socket.socket) -> str:
    """Why a client of many is not served: not accepted, or accepted with a number that has no place in select's set.

    Empty if its number is `FD_SETSIZE` or more (the item's hint is about that), or not known.
    """
    if hint := not_accepted(subject):
        return hint
    number = descriptor_of(subject, client)
    return _NOT_SERVED if number is not None and number < FD_SETSIZE else ""


def descriptor_of(subject: Subject, client: socket.socket) -> int | None:
    """The number that the server's end of a client's connection has in its process; None if that is not known."""
    if subject.pid is None:
        return None
    mine, port = client.getsockname()[1], subject.address[1]
    inode = next((one.inode for one in sockets_at(port) if (one.local, one.remote) == (port, mine)), 0)
    wanted = f"socket:[{inode}]"
    for pid in pids(subject):
        with contextlib.suppress(OSError, psutil.Error):
            for number in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):  # closed meanwhile
                    if os.readlink(f"/proc/{pid}/fd/{number}") == wanted:
                        return int(number)
    return None
