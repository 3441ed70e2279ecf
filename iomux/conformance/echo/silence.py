"""The item of a client that is silent for some seconds: a pause is no farewell.

A connection has no heartbeat of its own (RFC 9293): until one end says that it has ended, it lasts, however long nobody
says anything. A server may limit silence, since each silent client costs it a descriptor; an echo server has no reason
to do so after seconds. Cost: the seconds, of waiting.
"""

import socket
import time

from iomux.conformance.trial.clients import MIB, ask, compare, connect, connect_narrow, message
from iomux.conformance.trial.items import item, warm_up
from iomux.conformance.trial.subject import PATIENCE, Fault, Subject
from iomux.conformance.trial.transfer import Stream, are_kept, exchange, owe

_SILENT_SECONDS = 6.5  # longer than 5 s, a common time limit
_UNREAD = (
    "Who does not read for some seconds has not left, and is owed what it is owed. What limits your send: a time-out "
    "of the socket (SO_SNDTIMEO, settimeout), TCP_USER_TIMEOUT, a clock of your own?"
)
_MOVED = (
    "Others have left meanwhile. What is kept for one client, and where: in a list whose last entry takes the place of "
    "one that goes, under a number that another one may get? It has to be found by its own client, whoever leaves."
)
_MUCH = 8 * MIB  # the kernel holds 4 MiB of what a server sends at most (tcp_wmem, tcp(7))


@item(
    "silence",
    points=3,
    long=True,
    rule="a client that is silent for some seconds is still served",
    sent="one client is served, another one only connects, a third is owed up to 8 MiB; all are silent for 6.5 s, then "
    "two send a message, and the third reads",
    hint="Does a time limit on recv, or on the connection, end the conversation? A client that says nothing has not "
    "left: recv tells you when it has.",
    man="socket(7) (SO_RCVTIMEO), recv(2); Python: socket.settimeout",
)
def silence(subject: Subject) -> None:
    """Check that silence ends no connection. The first client leaves before the others ask: they may take turns."""
    with connect(subject) as served, connect(subject) as newcomer, connect_narrow(subject) as pausing:
        with warm_up("hundred"):
            ask(served, b"before the silence")
        if not owe(subject, owed := Stream(pausing, message(_MUCH)), served):
            owed = Stream(pausing, b"")
        time.sleep(_SILENT_SECONDS)
        _ask_again(served, "a client that had been served")
        served.close()
        _ask_again(newcomer, "a client that had said nothing yet")
        newcomer.close()
        exchange([owed])
        if bytes(owed.got) != owed.data and are_kept(subject, owed.data, 0.0):
            hint = _UNREAD if owed.data.startswith(owed.got) else _MOVED
            compare(owed.data, bytes(owed.got), owed.how, "a client that had not read for some seconds", hint)


def _ask_again(client: socket.socket, who: str) -> None:
    """Ask after the silence. Raises Fault, with the other end's farewell if that lies there already."""
    client.setblocking(False)
    try:
        how = "bytes came that it had not sent" if client.recv(1) else "the server ended the connection"
    except BlockingIOError:
        how = ""
    except ConnectionError:
        how = "the server ended the connection"
    client.settimeout(PATIENCE)
    if how:
        raise Fault(f"{who} was silent for some seconds: {how}")
    ask(client, b"after the silence", f"{who}, and was then silent for some seconds,")
