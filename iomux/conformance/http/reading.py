"""Stage E, clients that read late, half-close, or reset: each may harm itself, and what is owed is owed."""

import contextlib
import time

from iomux.conformance.http.items import item
from iomux.conformance.http.site import BIG, Site
from iomux.conformance.http.staying import answers_in_order
from iomux.conformance.http.visitor import STALLED, get
from iomux.conformance.http.visits import expect_page, must_get, needs_staying, still_serves, visit
from iomux.conformance.trial.clients import MIB, eventually
from iomux.conformance.trial.items import ONE_AT_A_TIME, warm_up
from iomux.conformance.trial.subject import Fault, Subject, descriptors, rss_bytes, settled
from iomux.system.sockets import reset

_RESETS, _FEW_DESCRIPTORS = 20, 10
_HALF_CLOSES = 12  # aiohttp 3.14 answers some of ten
_UNREAD, _MOST_GROWTH, _LOOKS = 100, 96 << 20, 3
_SIPS, _SIP_BYTES = 40, 1000


@item(
    "half-close",
    "E",
    rule="a client that half-closes behind its request gets its answer, then the end",
    sent="twelve clients in turn: a GET, then the end of the client's stream (shutdown(SHUT_WR))",
    hint="recv returns no bytes: the client says no more, and still reads. Answer what you have, then close.",
    rfc="RFC 9293, section 3.6; shutdown(2)",
    run="printf 'GET /page.html HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n' | nc -N 127.0.0.1 PORT",
)
def half_close(subject: Subject, site: Site) -> None:
    """One request, as `printf | nc -N` sends it; again and again, since who loses that race may win it now and then."""
    for _ in range(_HALF_CLOSES):
        with visit(subject) as visitor:
            visitor.send(get(site.page))
            visitor.half_close()
            what = "a GET behind which the client half-closed"
            expect_page(visitor, visitor.answer(what), what, site.body(site.page))
            visitor.must_end(what)


@item(
    "owed",
    "E",
    rule="behind the end of a client's stream all that it had asked for is still sent, a large file too",
    sent="twenty GETs of pages and one of a file of 10 MiB at once, then the end of the client's stream",
    hint="When the stream ends, requests may still lie in your buffer, and answers in your queue: close when both are "
    "empty, not when recv returns nothing.",
    rfc="RFC 9293, section 3.6; RFC 9112, sections 9.3.2 and 9.6",
    run="(for i in $(seq 20); do printf 'GET /page.html HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'; done;\n"
    "printf 'GET /big.bin HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n') | nc -N 127.0.0.1 PORT | wc -c",
)
def owed(subject: Subject, site: Site) -> None:
    """Everything, then the end; if one request is not answered so, that is another item's fault."""
    site.need_folder()
    needs_staying(subject, site)
    with warm_up("half-close"):
        half_close(subject, site)
    paths = [*[(site.page, site.second)[number % 2] for number in range(20)], BIG]
    with warm_up("pipelined"), visit(subject) as visitor:
        visitor.send(b"".join(map(get, paths)))
        answers_in_order(visitor, site, paths, "of 21 requests sent at once")
    with visit(subject, narrow=True) as visitor:
        visitor.send(b"".join(map(get, paths)))
        visitor.half_close()
        answers_in_order(visitor, site, paths, "of 21 requests before a half-close")
        visitor.must_end("the last answer owed")


@item(
    "resets",
    "E",
    rule="clients that reset in mid-file leave nothing behind: no connection, no open file",
    sent="20 clients ask for 10 MiB, read a little, and reset; then a new one comes",
    hint="On every way out close both: the socket, and the file that you were sending. A generator that is never "
    "taken to its end keeps its file open: close() it.",
    rfc="RFC 9293, section 3.5.2; send(2) (EPIPE, ECONNRESET)",
    run="for i in $(seq 20); do timeout 0.2 curl -s --limit-rate 1k 127.0.0.1:PORT/big.bin; done;\n"
    "ls /proc/PID/fd | wc -l",
    points=3,
)
def resets(subject: Subject, site: Site) -> None:
    """Count descriptors before and afterwards."""
    site.need_folder()
    with warm_up("large-file"), visit(subject) as visitor:
        must_get(visitor, site, BIG)
    still_serves(subject, site, "a file")
    before = _open(subject)
    for _ in range(_RESETS):
        with visit(subject, narrow=True) as visitor:
            visitor.send(get(BIG))
            visitor.rest_or_answer()
            reset(visitor.client)
    still_serves(subject, site, "clients that reset in mid-file")
    if subject.pid is not None and not eventually(lambda: descriptors(subject) <= before + _FEW_DESCRIPTORS):
        now = descriptors(subject)
        raise Fault("clients that reset in mid-file left descriptors open", before=before, after=now)


def _open(subject: Subject) -> int:
    """How many descriptors are open when the clients so far have been noticed to be gone."""
    settled(subject)
    return descriptors(subject) if subject.pid is not None else 0


@item(
    "slow-reader",
    "E",
    rule="a client that does not read its 10 MiB holds up nobody",
    sent="one client asks for a large file and reads nothing; meanwhile another one asks for a page, five times, "
    "and for the same file; then the first one reads",
    hint="Where does your server wait until the slow client takes its bytes? While it waits there, it serves no one.",
    rfc="RFC 9293, section 3.8.6; send(2) (EAGAIN)",
    run="curl -s --limit-rate 1k 127.0.0.1:PORT/big.bin >/dev/null &\ncurl -v 127.0.0.1:PORT/page.html",
    exempt=ONE_AT_A_TIME,
)
def slow_reader(subject: Subject, site: Site) -> None:
    """The others are served."""
    site.need_folder()
    with visit(subject, narrow=True) as slow:
        slow.send(get(BIG))
        slow.rest_or_answer()
        settled(subject)
        for _ in range(5):
            with visit(subject) as visitor:
                must_get(visitor, site, site.page, " beside a client that does not read")
        with visit(subject) as visitor:
            must_get(visitor, site, BIG, " beside a client that does not read")
        with contextlib.suppress(Fault):  # it may have been let go
            answer = slow.answer(f"GET {BIG}")
            if answer.body == site.body(BIG):
                return
        if slow.how == STALLED or slow.how == "":
            raise slow.fault("a client that did not read did not get its file when another one had got the same")


@item(
    "late-reader",
    "E",
    rule="a client that reads its 10 MiB slowly at first, and late, gets every byte",
    sent="a client asks for a large file, reads a few bytes at a time, waits, and then reads the rest",
    hint="send takes a part, or nothing (EAGAIN): go on at the byte at which it stopped, when the socket is writable.",
    rfc="RFC 9293, section 3.8.6; send(2)",
    run="curl -s --limit-rate 2M 127.0.0.1:PORT/big.bin | cmp - FOLDER/big.bin",
)
def late_reader(subject: Subject, site: Site) -> None:
    """Compare every byte."""
    site.need_folder()
    with warm_up("large-file"), visit(subject) as visitor:
        must_get(visitor, site, BIG)
    with visit(subject, narrow=True) as visitor:
        visitor.send(get(BIG))
        settled(subject)
        for _ in range(_SIPS):
            visitor.sip(_SIP_BYTES)
            time.sleep(0.002)
        settled(subject)
        what = f"GET {BIG} by a client that reads late"
        expect_page(visitor, visitor.answer(what), what, site.body(BIG))


@item(
    "unread",
    "E",
    rule="a hundred large answers that nobody reads cost a bounded amount of memory",
    sent="one client sends 100 GETs of a file of 10 MiB at once, and reads nothing; another one asks for a page",
    hint="5 KB of requests for 1 GB of answers: make an answer when there is room for it, and stop reading from a "
    "client that you owe too much.",
    rfc="RFC 9112, section 9.3.2; RFC 9293, section 3.8.6",
    run="(for i in $(seq 100); do printf 'GET /big.bin HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'; done; sleep 9) |\n"
    "nc 127.0.0.1 PORT | (sleep 9) & sleep 2; ps -o rss= -p PID",
    exempt=ONE_AT_A_TIME,
    points=3,
)
def unread(subject: Subject, site: Site) -> None:
    """The bound is far above what one file held whole costs, and far below the hundred."""
    site.need_folder()
    with warm_up("large-file"), visit(subject) as visitor:
        must_get(visitor, site, BIG)
    before = rss_bytes(subject)
    with visit(subject, narrow=True) as visitor:
        visitor.send(get(BIG) * _UNREAD)
        grown = _growth(subject, before)
        if grown > _MOST_GROWTH:
            raise Fault("a hundred answers that nobody reads took more than 96 MiB of memory", grown_bytes=grown)
        with warm_up("slow-reader"):
            still_serves(subject, site, "a client that reads none of its answers")


def _growth(subject: Subject, before: int) -> int:
    """How far its memory has grown when it grows no more, or beyond the bound, in bytes: it may be slow to take it."""
    most, still = 0, 0
    while still < _LOOKS and most <= _MOST_GROWTH:
        settled(subject)
        now = rss_bytes(subject) - before
        still = still + 1 if now < most + MIB else 0
        most = max(most, now)
    return most
