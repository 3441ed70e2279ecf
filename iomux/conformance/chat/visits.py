"""The item of a chat room about what members leave behind: descriptors, whichever way they go.

A member that is owed bytes, or that has gone when a message comes for it, is found out in another call than one that
closes at rest: each of these ways out has its own close to forget.
"""

import contextlib
import socket

from iomux.conformance.chat.room import held, introduce, item, meet, say_beside_a_slow_one, slow
from iomux.conformance.trial.clients import MIB, connect, eventually
from iomux.conformance.trial.patience import ready
from iomux.conformance.trial.subject import PATIENCE, Fault, NotSeen, Subject, descriptors
from iomux.system.sockets import reset

_VISITS = 200
_SPARE_DESCRIPTORS = 4
_MANY, _END_SECONDS = 6, 1.0  # more than the descriptors that are tolerated
_LINE = b"\nis anybody there?\n"


@item(
    "leaks",
    points=2,
    rule="members that come and go leave no descriptor behind",
    sent="200 visitors come one after the other, each sends a word; every second one leaves with a reset; then 6 "
    "half-close while they are owed 896 KiB, and read, and 6 reset just before a message would reach them (SIGSTOP)",
    hint="For each member you keep a socket and what it is owed. Do you drop both, on every way out?",
    man="close(2)",
)
def leaks(subject: Subject) -> None:
    """Test members that come and go."""
    with connect(subject) as host:
        before = 0
        for number in range(_VISITS):
            with connect(subject) as visitor:
                _visit(host, visitor, number)
                reset(visitor) if number % 2 else visitor.close()
            before = before or descriptors(subject)
        _all_are_closed(subject, host, before, "have left")
        for leave, how in _WAYS:
            before = descriptors(subject)
            leave(subject, host)
            _all_are_closed(subject, host, before, how)


def _all_are_closed(subject: Subject, host: socket.socket, before: int, how: str) -> None:
    """Raise Fault if members that have left are not; somebody speaks, for a room may find out when it sends."""

    def after_a_word() -> bool:
        host.sendall(_LINE)
        return descriptors(subject) <= before + _SPARE_DESCRIPTORS

    if not eventually(after_a_word):
        raise Fault(f"descriptors of members that {how} stay open", more=descriptors(subject) - before)


def _half_close_while_owed(subject: Subject, host: socket.socket) -> None:
    with connect(subject) as speaker, contextlib.ExitStack() as stack:
        late = [stack.enter_context(slow(subject)) for _ in range(_MANY)]
        introduce([speaker, host, *late])
        say_beside_a_slow_one(speaker, [host])
        for one in late:
            one.shutdown(socket.SHUT_WR)
        for one in late:
            one.settimeout(_END_SECONDS)
            with contextlib.suppress(OSError):
                while one.recv(MIB):
                    pass


def _reset_before_a_message(subject: Subject, host: socket.socket) -> None:
    with connect(subject) as listener, contextlib.ExitStack() as stack:
        leaving = [stack.enter_context(connect(subject)) for _ in range(_MANY)]
        introduce([host, listener, *leaving])
        with held(subject):
            host.sendall(_LINE)
            for one in leaving:
                reset(one)
        ready([listener], seconds=PATIENCE)


_WAYS = (
    (_half_close_while_owed, "had half-closed while they were owed bytes"),
    (_reset_before_a_message, "had reset their connection when a message was sent to them"),
)


def _visit(host: socket.socket, visitor: socket.socket, number: int) -> None:
    """Let a visitor be heard. Raises NotSeen if it is the first one, before which none has left."""
    try:
        meet([visitor, host])
    except Fault as fault:
        if number == 0:
            raise NotSeen(f"{fault.seen}: see the item passes-on") from None
        raise Fault("visitors had come and left, and then a new one was not heard") from None
