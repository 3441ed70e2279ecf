"""Stage E, who takes the server's time: the silent, one who drips, one who is refused and sends on, and a flood.

How long a server waits is its own affair (RFC 9112, section 9.5), so only a wait that is longer than that of the common
ones is a fault: nginx gives a head 60 s, Node 60 and up to 30 more. These items take that long; so they begin first.
"""

import contextlib
import socket
import time
from collections.abc import Iterator, Mapping

from iomux.conformance.http.items import item
from iomux.conformance.http.site import Site
from iomux.conformance.http.visitor import Visitor, get
from iomux.conformance.http.visits import Bad, expect_page, needs_staying, refused, visit
from iomux.conformance.trial.items import ONE_AT_A_TIME, under_pressure, warm_up
from iomux.conformance.trial.patience import kept_from_working, ready
from iomux.conformance.trial.subject import PATIENCE, Fault, NotSeen, NotSeenHere, Subject

LONGEST_HEAD_SECONDS = 95.0
"""How long a server may wait for a head."""
LONGEST_GOODBYE_SECONDS = 45.0
"""How long a server may read and throw away what a client sends that it has refused; nginx does for 30 s."""
_DRIP_SECONDS = 1.0
_FILLER_BYTES, _BLOCK, _UNDER_WAY = 950, 1024, 200
_MOST_IN_ONE_TURN = 24 << 20
"""Thrice the longest turn of a library in use: uvloop makes up to 32 reads of 250 KiB in a row."""
_FLOOD_SECONDS = 25.0
_FIRST, _LATER = "sends", "has had a page and sends"


@item(
    "half-head",
    "E",
    rule="who sends half of a head and then nothing is let go within a minute and a half",
    sent="one client sends half of a head, and is silent; another one does so behind a page",
    hint="Each connection has a moment at which you give up on it; the nearest of them is the poller's time-out. "
    "Answer 408, or just close.",
    rfc="RFC 9112, section 9.5; RFC 9110, section 15.5.9",
    run="(printf 'GET /page.html HT'; sleep 120) | time nc 127.0.0.1 PORT",
    long=True,
)
def silent(subject: Subject, site: Site) -> None:
    """A 408 or an end; and the same for the second head of a connection."""
    with contextlib.ExitStack() as stack:
        several = _begin(subject, get(site.page)[:20], stack)
        _begin_behind_a_page(subject, site, get(site.page)[:20], stack, several)
        for who, visitor in _still_waited_for(several, drip=b"").items():
            raise _still(visitor, f"{who} half of a head and is silent")


@item(
    "drip",
    "E",
    rule="who sends a head byte by byte, one a second, is let go within a minute and a half",
    sent="one client sends one byte of a head each second, and never comes to its end; so another one behind a page",
    hint="The limit of a head counts from its first byte: a time-out that begins anew with each byte never comes.",
    rfc="RFC 9112, section 9.5; RFC 9110, section 15.5.9",
    run="slowhttptest -H -c 1 -i 1 -l 120 -u http://127.0.0.1:PORT/page.html",
    long=True,
)
def drip(subject: Subject, site: Site) -> None:
    """One byte a second; if even the silent are kept, that is the other item's fault, and here not seen."""
    half, drips = get(site.page)[:20], get(site.page)[:-2] + b"X-Slow: "
    with contextlib.ExitStack() as stack:
        quiet, dripping = _begin(subject, half, stack), _begin(subject, drips, stack)
        if _begin_behind_a_page(subject, site, half, stack, quiet):
            _begin_behind_a_page(subject, site, drips, stack, dripping)
        for who, visitor in _still_waited_for(dripping, drip=b"x").items():
            with contextlib.nullcontext() if quiet[who].has_answer() else under_pressure("half-head"):
                raise _still(visitor, f"{who} its head a byte a second")


def _begin(subject: Subject, head: bytes, stack: contextlib.ExitStack) -> dict[str, Visitor]:
    """A visitor that has sent the beginning of a head."""
    visitor = stack.enter_context(visit(subject))
    visitor.send(head)
    return {_FIRST: visitor}


def _begin_behind_a_page(
    subject: Subject, site: Site, head: bytes, stack: contextlib.ExitStack, several: dict[str, Visitor]
) -> bool:
    """Add one that has had a page before; False where another one is not served meanwhile, or has to go behind it."""
    visitor = stack.enter_context(visit(subject))
    visitor.send(get(site.page))
    answer = None
    with contextlib.suppress(Fault):  # a wrong answer is told elsewhere
        answer = visitor.next(f"GET {site.page}") if visitor.has_answer(PATIENCE) else None
    if answer is None or answer.last:
        return False
    visitor.send(head)
    several[_LATER] = visitor
    return True


def _still_waited_for(several: Mapping[str, Visitor], drip: bytes) -> dict[str, Visitor]:
    """Those to whom nothing was said, and whose connection did not end, when time is over. Raises Fault for a 200."""
    kept, until = dict(several), time.monotonic() + LONGEST_HEAD_SECONDS
    while kept and time.monotonic() < until:
        ready([visitor.client for visitor in kept.values()], seconds=_DRIP_SECONDS)
        for who, visitor in several.items():
            if who in kept and (visitor.has_answer() or (drip and not visitor.deliver(drip))):
                answer = visitor.next("half of a head")
                if answer is not None and answer.status < 400:
                    raise visitor.fault(f"half of a head was answered by {answer.status}")
                del kept[who]
    return kept


def _still(visitor: Visitor, who: str) -> Fault:
    return visitor.fault(f"a client that {who} is still waited for", after_seconds=LONGEST_HEAD_SECONDS)


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
