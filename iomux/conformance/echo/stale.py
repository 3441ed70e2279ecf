"""The item of numbers that are used again within one batch of events.

A poller returns a batch of events, each with a descriptor's number. While the batch is handled, clients are closed and
new ones accepted, and the kernel gives a new client the lowest free number (open(2)): that of one who has just been
closed. An event of the batch that is looked at afterwards, or once more, then belongs to the number's former owner.
epoll(7) calls it an event cache. Whether it happens depends on what falls into one batch, so the server is held still
while clients leave and others come.
"""

import socket
from collections.abc import Callable
from contextlib import ExitStack, nullcontext

from iomux.conformance.echo.held_still import can_be_held
from iomux.conformance.trial.clients import MIB, ask, connect, connect_narrow, crowd, expect, fill, message
from iomux.conformance.trial.items import item, warm_up
from iomux.conformance.trial.subject import Subject, stopped
from iomux.conformance.trial.transfer import on_a_busy_machine
from iomux.system.sockets import reset

_LEAVING, _NEW = 4, 3  # fewer newcomers than have left: each gets a number that was just in use
_OWED_BYTES = 4 * MIB
Leave = Callable[[socket.socket], None]


def _with_a_reset(client: socket.socket) -> None:
    reset(client)


def _speaking(client: socket.socket) -> None:
    client.send(b"and good")
    reset(client)


def _in_order(client: socket.socket) -> None:
    client.close()


_WAYS = ((0, _with_a_reset), (0, _speaking), (0, _in_order), (_OWED_BYTES, _with_a_reset))
"""How much a client sends before it leaves without having read the answer, and how it leaves: one way each round."""


@item(
    "number-again",
    points=3,
    rule="a client that gets the number of one who has just left is served as any other",
    sent="four times, while the server is held still (SIGSTOP): 4 clients leave (by reset, in mid-word, by close, by "
    "reset while it owes them bytes), 3 new ones come and send a message",
    hint="The kernel gives the number of a closed descriptor to the next client, at once, in the midst of your batch "
    "of events. Which events of the batch do you look at after a client was closed, and whose are they? Is everything "
    "that you keep by number removed with the client?",
    man="epoll(7) (Possible pitfalls: event cache), accept(2), close(2)",
)
def number_again(subject: Subject) -> None:
    """Check that newcomers are served who find the numbers, and perhaps the events, of clients that have left."""
    can_be_held(subject)
    with warm_up("hundred"), crowd(subject, _LEAVING) as clients:
        for client in clients:
            ask(client, b"I am here", "a client")
    for owed_bytes, leave in _WAYS:
        with on_a_busy_machine(subject):
            with warm_up("mid-reset"):  # the same, one after the other: what fails then has nothing to do with a batch
                _round(subject, owed_bytes, leave, together=False)
            _round(subject, owed_bytes, leave, together=True)


def _round(subject: Subject, owed_bytes: int, leave: Leave, together: bool) -> None:
    with ExitStack() as stack:
        stays, *leaving = [stack.enter_context(connect_narrow(subject)) for _ in range(1 + _LEAVING)]
        with warm_up("mid-reset"):
            for client in (stays, *leaving):
                ask(client, b"I am here", "a client")
        for client in leaving[: _LEAVING if owed_bytes else 0]:
            fill(subject, client, message(owed_bytes))
        with stopped(subject) if together else nullcontext():
            for client in leaving:
                leave(client)
            if not together:
                ask(stays, b"have they left?", "a client who stays")
            new = [stack.enter_context(connect(subject)) for _ in range(_NEW)]
            for number, client in enumerate(new):
                client.sendall(b"newcomer %d" % number)
        for number, client in enumerate(new):
            expect(client, b"newcomer %d" % number, "a newcomer who came as others left")
        for client in (*new, stays):
            ask(client, b"once more", "after others have left, a client")
