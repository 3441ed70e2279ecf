"""Stage E, limits: of a head, of a target, of connections, of descriptors."""

import contextlib
import resource
import time
from collections.abc import Iterator
from typing import Literal

from iomux.conformance.http.items import item
from iomux.conformance.http.site import Site
from iomux.conformance.http.visitor import STALLED, Visitor, get
from iomux.conformance.http.visits import expect_page, must_get, needs_staying, still_serves, visit
from iomux.conformance.trial.clients import check_room_for, crowd, pressing, send_all
from iomux.conformance.trial.items import ONE_AT_A_TIME, under_pressure, warm_up
from iomux.conformance.trial.limits import allow_descriptors
from iomux.conformance.trial.patience import at_work
from iomux.conformance.trial.subject import (
    PATIENCE,
    Fault,
    NotSeenHere,
    Subject,
    busy,
    processes,
    settled,
    skip_if_never_asleep,
)

_LONG, _ENDLESS_BYTES = 1 << 20, 48 << 20
_LINE = b"X-Filler: " + b"x" * 1012 + b"\r\n"
_CROWD, _ROOM, _IDLE, _NEWCOMERS, _TOO_MANY = 1000, 24, 20, 10, 60


@item(
    "endless-head",
    "D",
    rule="a head without an end is refused (431), or its connection ended: it takes no memory without bound",
    sent="a GET with 48 MiB of fields and no empty line, as long as the server takes them",
    hint="How much do you keep while you wait for the empty line? Some 16 KiB are enough for any browser.",
    rfc="RFC 6585, section 5; RFC 9110, sections 5.4 and 17.5",
    run="(printf 'GET / HTTP/1.1\\r\\n'; yes 'X-Filler: xxxxxxxxxxxxxxxx') | nc 127.0.0.1 PORT",
    points=3,
)
def endless_head(subject: Subject, site: Site) -> None:
    """An answer, an end, or a server that stops reading: what is wrong is to take it all."""
    with visit(subject) as visitor:
        visitor.send(get(site.page)[:-2])
        took = _takes(visitor)
        if took == "all":
            raise visitor.fault("the server took 48 MiB of a head, and asked for more")
        if took != "stops":  # how long it then keeps the client is the affair of half-head
            visitor.lenient_end("a head of 48 MiB")
    still_serves(subject, site, "a head without an end")


def _takes(visitor: Visitor) -> Literal["all", "stops", "ends"]:
    """Send filler as long as the server takes it and says nothing: whether it takes all, stops to read, or answers."""
    try:
        for _ in range(_ENDLESS_BYTES // (64 * len(_LINE))):
            if visitor.has_answer():
                return "ends"
            send_all(visitor.client, _LINE * 64)
    except TimeoutError:
        return "stops"
    except ConnectionError:
        return "ends"
    return "ends" if visitor.has_answer(PATIENCE) else "all"


@item(
    "long-target",
    "D",
    rule="a target or a field of a mebibyte gets a 4xx and not just an end",
    sent="a GET of a path of 1 MiB, then one with a field of 1 MiB",
    hint="Too long a target is 414, too much of a head is 431: say so before you close, and close in stages.",
    rfc="RFC 9112, section 3; RFC 9110, sections 5.4 and 15.5.15; RFC 6585, section 5",
    run="curl -v 127.0.0.1:PORT/$(head -c 100000 /dev/zero | tr '\\0' a)",
)
def long_target(subject: Subject, site: Site) -> None:
    """A server that takes a mebibyte may answer as to any other request."""
    for what, request in (
        ("a target of 1 MiB", get("/" + "a" * _LONG)),
        ("a field of 1 MiB", get(site.page, "X-Long: " + "a" * _LONG)),
    ):
        answers = [_heard(subject, what, request) for _ in range(3)]
        if not any(answers):
            raise Fault(f"{what} got the end of the connection, and no answer: 414 or 431 says why")
    still_serves(subject, site, "a target that is too long")


def _heard(subject: Subject, what: str, request: bytes) -> bool:
    """Whether an answer was heard before the end. Raises Fault if neither came."""
    with visit(subject) as visitor:
        visitor.deliver(request)
        if visitor.next(what) is not None:
            return True
        if visitor.how == STALLED:
            raise visitor.fault(f"{what} was not answered, and the connection did not end")
        return False


@item(
    "thousand",
    "E",
    rule="a thousand idle connections cost no CPU, and one client among them is served",
    sent="1,000 clients connect and say nothing; one asks for a page now and then; then all are silent",
    hint="Does your server ask each of them again and again whether something has come?",
    rfc="RFC 9112, section 9.5; epoll(7)",
    run="for i in $(seq 1000); do sleep 60 | nc 127.0.0.1 PORT & done; top -p PID",
    exempt=ONE_AT_A_TIME,
)
def thousand(subject: Subject, site: Site) -> None:
    """Count CPU at rest, and ask in between."""
    check_room_for(_CROWD + 1)
    allow_descriptors(subject, _CROWD + 100)
    if subject.pid is not None:
        skip_if_never_asleep(subject)
    with crowd(subject, _CROWD):
        for _ in range(5):
            with visit(subject) as visitor:
                must_get(visitor, site, site.page, " among a thousand idle connections")
        if subject.pid is not None and busy(subject):
            raise Fault("with a thousand idle connections the server never sleeps")


@contextlib.contextmanager
def _few_descriptors(subject: Subject) -> Iterator[None]:
    """Let each of the server's processes open `_ROOM` more than it has open."""
    for process in processes(subject):
        try:
            limits = process.num_fds() + _ROOM, resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[1]
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, limits)
        except PermissionError:
            raise NotSeenHere("the server is another user's: its limits can't be set from here") from None
    yield


@item(
    "descriptor-limit",
    "E",
    rule="out of descriptors, the server lives, sleeps, and serves newcomers when some are free again",
    sent="with 24 descriptors left 60 clients come and say nothing; they leave, and a new one asks for a page",
    hint="accept, and open, fail with EMFILE: that is no reason to end, nor to call accept again and again.",
    rfc="accept(2) (EMFILE), getrlimit(2); RFC 9112, section 9.5",
    run="prlimit --pid PID --nofile=40; for i in $(seq 60); do sleep 9 | nc 127.0.0.1 PORT & done; top -p PID",
    exempt=ONE_AT_A_TIME,
)
def descriptor_limit(subject: Subject, site: Site) -> None:
    """Survive EMFILE without spinning, and recover."""
    skip_if_never_asleep(subject)
    with _few_descriptors(subject):
        with pressing(subject, _TOO_MANY):
            settled(subject)
            spins = busy(subject)
        until = time.monotonic() + 4 * PATIENCE
        last = until + 4 * PATIENCE
        while True:
            try:
                still_serves(subject, site, "the limit of descriptors")
                break
            except Fault:
                if (now := time.monotonic()) > last or (now > until and not at_work(subject)):
                    raise
        if spins:
            raise Fault("at the limit of descriptors the server never sleeps: it asks again and again")


@item(
    "newcomer",
    "E",
    rule="at the limit of descriptors idle connections are let go, and who has something to ask is answered",
    sent="with 24 descriptors left 20 clients ask for a page and stay connected; then 10 more come, and each asks",
    hint="A connection behind whose answer nothing was asked may be ended at any time: close the one that has been "
    "idle for longest before you leave a newcomer waiting.",
    rfc="RFC 9112, section 9.5",
    run="prlimit --pid PID --nofile=40; for i in $(seq 60); do (printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n';\n"
    "sleep 60) | nc 127.0.0.1 PORT & done; curl -v 127.0.0.1:PORT/page.html",
    exempt=ONE_AT_A_TIME,
)
def newcomer(subject: Subject, site: Site) -> None:
    """The newcomers stay connected as well, idle in their turn."""
    with warm_up("keep-alive"):
        needs_staying(subject, site)
    with _few_descriptors(subject), contextlib.ExitStack() as stack:
        for number in range(_IDLE + _NEWCOMERS):
            visitor = stack.enter_context(visit(subject))
            with under_pressure("keep-alive") if number < _IDLE - _ROOM // 2 else contextlib.nullcontext():
                answer = visitor.ask(site.page)
            if answer.status < 500:  # else it was told that there is no room: that is an answer, too
                expect_page(visitor, answer, f"GET {site.page}, with all descriptors held by idle ones,", None)
