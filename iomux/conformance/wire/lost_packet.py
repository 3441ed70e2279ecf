"""The item of a packet that is lost: it is sent again, as long as the kernel has not been told to forget it.

send returns when the kernel has the bytes, not when the client has them. Until they are acknowledged they lie in the
server's kernel, also after close. On loopback they have arrived by then, so a server that throws them away seems right.
"""

import socket

from iomux.conformance.trial.clients import ask, eventually, expect, message
from iomux.conformance.trial.items import warm_up
from iomux.conformance.trial.subject import NotSeen, Subject
from iomux.conformance.wire.hosts import connect_from, has_parted, hosts_of, item, losing

_ONE_PACKET = 1000  # bytes


@item(
    "lost-packet",
    rule="a packet that is lost on the way costs time, and no byte",
    sent="the packet with a client's message is lost once; then the client sends another one and half-closes, and what "
    "the server sends until it closes, its answer and the end, is lost once",
    hint="What you have sent is in the kernel, not yet at the client, and has to be sent again if it is lost. A reset "
    "makes the kernel forget it: close after SO_LINGER with a time of 0, or with bytes unread. So does a "
    "TCP_USER_TIMEOUT that is shorter than the first time that it is sent again (200 ms).",
    man="socket(7) (SO_LINGER), close(2), tcp(7) (TCP_USER_TIMEOUT)",
)
def lost_packet(subject: Subject) -> None:
    """Check that every byte comes, though each side's packets are lost once. The end is another item's (`end`)."""
    hosts, data = hosts_of(subject), message(_ONE_PACKET)
    with connect_from(hosts.far, subject) as client:
        with warm_up("echoes"):
            ask(client, b"are you there?")
        with losing(hosts.far):
            before = hosts.far.link.report().lost
            client.sendall(data)
            eventually(lambda: hosts.far.link.report().lost > before)
        expect(client, data, "a client whose packet was lost")
        with losing(hosts.server):
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            if not eventually(lambda: has_parted(subject, client, _ONE_PACKET)):
                raise NotSeen("a client that had half-closed was not answered: see the item half-close")
        expect(client, data, "a client whose answer was lost once")
