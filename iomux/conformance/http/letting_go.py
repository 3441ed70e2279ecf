"""Stage E, who takes the server's time: the silent, one who drips, one who is refused and sends on, and a flood.

How long a server waits is its own affair (RFC 9112, section 9.5), so only a wait that is longer than that of the common
ones is a fault: nginx gives a head 60 s, Node 60 and up to 30 more. These items take that long; so they begin first.
"""

import contextlib
import socket
import time
from collections.abc import Iterator

from iomux.conformance.http.items import item
from iomux.conformance.http.site import Site
from iomux.conformance.http.visitor import Visitor, get
from iomux.conformance.http.visits import Bad, expect_page, needs_staying, refused, visit
from iomux.conformance.trial.items import ONE_AT_A_TIME, under_pressure, warm_up
from iomux.conformance.trial.patience import kept_from_working, ready
from iomux.conformance.trial.subject import NotSeen, NotSeenHere, Subject

LONGEST_HEAD_SECONDS = 95.0
"""How long a server may wait for a head."""
LONGEST_GOODBYE_SECONDS = 45.0
"""How long a server may read and throw away what a client sends that it has refused; nginx does for 30 s."""
_DRIP_SECONDS = 1.0
_FILLER_BYTES, _BLOCK, _UNDER_WAY = 950, 1024, 200
_MOST_IN_ONE_TURN = 24 << 20
"""Thrice the longest turn of a library in use: uvloop makes up to 32 reads of 250 KiB in a row."""
_FLOOD_SECONDS = 25.0


@item(
    "half-head",
    "E",
    rule="who sends half of a head and then nothing is let go within a minute and a half",
    sent="one client sends half of a head, and is silent",
    hint="Each connection has a moment at which you give up on it; the nearest of them is the poller's time-out. "
    "Answer 408, or just close.",
    rfc="RFC 9112, section 9.5; RFC 9110, section 15.5.9",
    run="(printf 'GET /page.html HT'; sleep 120) | time nc 127.0.0.1 PORT",
    long=True,
)
def silent(subject: Subject, site: Site) -> None:
    """A 408 or an end."""
    with visit(subject) as visitor:
        visitor.send(get(site.page)[:20])
        _is_let_go(visitor, "sends half of a head and is silent", drip=b"")


@item(
    "drip",
    "E",
    rule="who sends a head byte by byte, one a second, is let go within a minute and a half",
    sent="one client sends one byte of a head each second, and never comes to its end",
    hint="The limit of a head counts from its first byte: a time-out that begins anew with each byte never comes.",
    rfc="RFC 9112, section 9.5; RFC 9110, section 15.5.9",
    run="slowhttptest -H -c 1 -i 1 -l 120 -u http://127.0.0.1:PORT/page.html",
    long=True,
)
def drip(subject: Subject, site: Site) -> None:
    """One byte a second; if even the silent are kept, that is the other item's fault, and here not seen."""
    with visit(subject) as visitor, visit(subject) as quiet:
        quiet.send(get(site.page)[:20])
        visitor.send(get(site.page)[:-2] + b"X-Slow: ")
        with contextlib.ExitStack() as stack:
            if not _gone_before(quiet, visitor, time.monotonic() + LONGEST_HEAD_SECONDS):
                stack.enter_context(under_pressure("half-head"))
            _is_let_go(visitor, "sends its head a byte a second", drip=b"x", seconds=2 * _DRIP_SECONDS)


def _gone_before(quiet: Visitor, dripping: Visitor, until: float) -> bool:
    """Drip until the dripping one is let go or time is over; whether the quiet one was let go by then, or the other."""
    while time.monotonic() < until:
        if dripping.has_answer(_DRIP_SECONDS) or not dripping.deliver(b"x"):
            return True
    return quiet.has_answer()


def _is_let_go(visitor: Visitor, who: str, drip: bytes, seconds: float = 0.0) -> None:
    until = time.monotonic() + (seconds or LONGEST_HEAD_SECONDS)
    while time.monotonic() < until:
        if visitor.has_answer(_DRIP_SECONDS) or (drip and not visitor.deliver(drip)):
            answer = visitor.next("half of a head")
            if answer is not None and answer.status < 400:
                raise visitor.fault(f"half of a head was answered by {answer.status}")
            return
    raise visitor.fault(f"a client that {who} is still waited for", after_seconds=LONGEST_HEAD_SECONDS)


@item(
    "goodbye",
    "E",
    rule="a client that was refused and goes on sending is left within three quarters of a minute",
    sent="a request with a Content-Length that is no number; behind the refusal the client sends, and sends",
    hint="Reading on behind your last answer is for the answer's sake: some seconds are enough, then close.",
    rfc="RFC 9112, section 9.6",
    run="(printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: x\\r\\n\\r\\n'; yes) | time nc 127.0.0.1 PORT",
    long=True,
)
def goodbye(subject: Subject, site: Site) -> None:
    """Only a refusal that ends the connection counts: see bad-length."""
    lines = ["Host: localhost", "Content-Length: x"]
    with warm_up("bad-length"):
        refused(subject, site, Bad("Content-Length: x", lines))
    with visit(subject) as visitor:
        visitor.send(get(site.page, "Content-Length: x"))
        visitor.answer("a request with Content-Length: x")
        until = time.monotonic() + LONGEST_GOODBYE_SECONDS
        while time.monotonic() < until:
            if not visitor.deliver_what_fits(bytes(4096)):
                return
            time.sleep(0.05)
        raise visitor.fault("a client that was refused and goes on sending is still read from")


@item(
    "flood",
    "E",
    rule="a client that pipelines without pause does not starve those that ask for one page",
    sent="one client sends HEADs of 1 KiB without pause and reads the answers; a newcomer asks for a page",
    hint="How long does your server stay with one whose buffer always holds another request? Answer a few, then look "
    "at the others; what is left in the buffer needs no readiness, so remember that it is there.",
    rfc="RFC 9112, section 9.3.2; epoll(7) (starvation)",
    run="wrk -t 1 -c 1 -d 20 -s pipeline.lua http://127.0.0.1:PORT/ & curl -v 127.0.0.1:PORT/page.html",
    points=3,
    exempt=ONE_AT_A_TIME,
)
def flood(subject: Subject, site: Site) -> None:
    """Fairness is counted in bytes of the flood that were answered, not in time."""
    needs_staying(subject, site)
    request = get(site.page, f"X-Filler: {'x' * _FILLER_BYTES}", method="HEAD")
    with visit(subject) as flooder, contextlib.ExitStack() as stack:
        polite, asked, began = None, 0, time.monotonic()
        for answered in _pump(flooder.client, request):
            if polite is None and answered >= _UNDER_WAY:
                polite, asked = stack.enter_context(visit(subject)), answered
                polite.send(get(site.page))
            if polite is not None and polite.has_answer():
                break
            if polite is not None and (answered - asked) * len(request) > _MOST_IN_ONE_TURN:
                raise polite.fault("a client had to wait for as long as another one sent its flood")
            if time.monotonic() > began + _FLOOD_SECONDS:
                if kept_from_working():
                    raise NotSeenHere("this machine was too busy to tell who is served first")
                raise NotSeen("the server is too slow to tell who is served first")
        flooder.client.close()
        if polite is not None:
            what = f"GET {site.page} beside a flood"
            expect_page(polite, polite.answer(what), what, site.body(site.page))


def _pump(client: socket.socket, request: bytes) -> Iterator[int]:
    """Send a request again and again, and read the answers: each turn tells how many have come; ends with the end."""
    client.setblocking(False)
    block, place, answered = memoryview(request * _BLOCK), 0, 0
    while True:
        readable, writable = ready([client], [client], 0.05)
        try:
            if writable:
                place = (place + client.send(block[place:])) % len(block)
            if readable:
                piece = client.recv(1 << 20)
                answered += piece.count(b"HTTP/1.")
                if not piece:
                    return
        except BlockingIOError:
            pass
        except OSError:
            return
        yield answered
