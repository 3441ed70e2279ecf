"""Stage B, staying connected: many requests on one connection, and when it ends (RFC 9112, section 9).

A server may end a connection behind any answer if it says so (Connection: close): then what was asked behind it is not
owed, and an item that needs a second answer is not seen.
"""

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from iomux.conformance.http.answers import Answer
from iomux.conformance.http.items import item
from iomux.conformance.http.site import BIG, PICTURES, Site
from iomux.conformance.http.visitor import Visitor, get
from iomux.conformance.http.visits import ends_each, expect_page, must_get, needs_staying, visit
from iomux.conformance.trial.items import ONE_AT_A_TIME
from iomux.conformance.trial.patience import crowded
from iomux.conformance.trial.subject import Fault, NotSeenHere, Subject

_REQUESTS, _PIPELINED = 100, 50
_CLIENT_SECONDS, _CONNECTIONS = 30, 6
_URLLIB = """import sys, urllib.request as urllib
opened = urllib.build_opener(urllib.ProxyHandler({})).open(sys.argv[1])
sys.stdout.buffer.write(opened.read())"""


@item(
    "keep-alive",
    "B",
    rule="a hundred requests are answered on one connection",
    sent="one client asks for two pages in turn, a hundred times, each time when the last answer is complete",
    hint="After an answer go back to reading. The client knows where the answer ends by its Content-Length; if you "
    "have none, you have to close, and to say so (Connection: close).",
    rfc="RFC 9112, section 9.3",
    run="curl -v 127.0.0.1:PORT/page.html 127.0.0.1:PORT/second.html",
    points=3,
)
def keep_alive(subject: Subject, site: Site) -> None:
    """Ask again and again; a new connection is made where the server announced the end of the last one."""
    asked, kept = 0, False
    while asked < _REQUESTS:
        with visit(subject) as visitor:
            before = asked
            while asked < _REQUESTS:
                path = (site.page, site.second)[asked % 2]
                answer = _asked_again(visitor, path, first=asked == before)
                expect_page(visitor, answer, f"GET {path} on a connection that was kept", site.body(path))
                asked += 1
                if answer.last:
                    break
        kept = kept or asked - before > 1  # the hundredth may be the only one on the last connection
        if not kept:
            raise ends_each(answer)


def _asked_again(visitor: Visitor, path: str, first: bool) -> Answer:
    visitor.send(get(path))
    answer = visitor.next(f"GET {path}")
    if answer is None:
        said = "was not answered" if first else "behind another one was not answered, though no close was announced"
        raise visitor.fault(f"GET {path} {said}: {visitor.ending()}")
    return answer


@item(
    "close",
    "B",
    rule="Connection: close gets its answer and then the end, and nothing behind it is answered",
    sent="a GET with Connection: close; then the same with a second GET in the same packet",
    hint="Send all of the answer, then end the connection: shutdown or close, and no further request is looked at.",
    rfc="RFC 9112, sections 9.3 and 9.6",
    run="curl -v -H 'Connection: close' 127.0.0.1:PORT/page.html",
)
def close(subject: Subject, site: Site) -> None:
    """Check the end with and without a request behind."""
    with visit(subject) as visitor:
        answer = visitor.ask(site.page, "Connection: close")
        expect_page(visitor, answer, "a GET with Connection: close", site.body(site.page))
        visitor.must_end("the answer to a GET with Connection: close")
    with visit(subject) as visitor:
        visitor.send(get(site.page, "Connection: close") + get(site.second))
        if visitor.next("a GET with Connection: close") and visitor.next("a GET behind Connection: close"):
            raise visitor.fault("a request behind Connection: close was answered")


@item(
    "pipelined",
    "B",
    rule="fifty requests that are sent at once are answered in their order",
    sent="one client sends fifty GETs of two pages in turn, another one four, with a file of 10 MiB; then they read",
    hint="One read may hold many requests, and half of one: keep what is left behind the first, and look at it before "
    "you read again. No byte of it makes the socket readable a second time.",
    rfc="RFC 9112, section 9.3.2",
    run="(for i in 1 2 3; do printf 'GET /page.html HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'; done; sleep 1) |\n"
    "nc 127.0.0.1 PORT",
    points=3,
)
def pipelined(subject: Subject, site: Site) -> None:
    """Check each answer and the order; what stands behind an announced end is not owed.

    A large file in the middle shows whose answer is sent in pieces, and lets another one in between.
    """
    needs_staying(subject, site)
    trials = {"of fifty requests sent at once": [(site.page, site.second)[number % 2] for number in range(_PIPELINED)]}
    if site.folder:
        trials["of four requests sent at once"] = [site.page, BIG, site.second, site.page]
    for of, paths in trials.items():
        with visit(subject) as visitor:
            visitor.send(b"".join(map(get, paths)))
            answers_in_order(visitor, site, paths, of)


def answers_in_order(visitor: Visitor, site: Site, paths: Sequence[str], of: str) -> None:
    """Check the answers to requests that were sent together. Raises Fault."""
    for number, path in enumerate(paths):
        answer = visitor.next(f"one {of}")
        if answer is None:
            seen = f"only the first {of} was" if number == 1 else "not all" if number else "none"
            verb = "" if number == 1 else f" {of} were"
            raise visitor.fault(f"{seen}{verb} answered: {visitor.ending()}", answered=number)
        expect_page(visitor, answer, f"one {of}", site.body(path))
        if answer.last and number + 1 < len(paths):
            return


@item(
    "empty-line",
    "B",
    rule="an empty line before a request is passed over",
    sent="CR and LF, then a GET",
    hint="Some clients send one line too many behind a body. Skip empty lines before you parse the request line.",
    rfc="RFC 9112, section 2.2",
    run="(printf '\\r\\nGET /page.html HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n'; sleep 1) |\nnc 127.0.0.1 PORT",
    points=1,
)
def empty_line(subject: Subject, site: Site) -> None:
    """One line is enough."""
    with visit(subject) as visitor:
        visitor.send(b"\r\n" + get(site.page))
        expect_page(visitor, visitor.answer("a GET behind an empty line"), "a GET behind an empty line", None)


@item(
    "real-clients",
    "B",
    rule="real clients get the page, and a browser's page its twelve pictures on six connections",
    sent="curl (if it is installed) and Python's urllib ask for a page; then a page and its twelve pictures are asked "
    "for on six connections at once, each kept",
    hint="Look at what a real client sends and expects: curl -v shows both.",
    rfc="RFC 9112, section 9.4",
    run="curl -v 127.0.0.1:PORT/gallery.html",
    exempt=ONE_AT_A_TIME,
)
def real_clients(subject: Subject, site: Site) -> None:
    """Each is a program of others, so that what they ask for is as the world asks."""
    host, port = subject.address[0], subject.address[1]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}{site.page}"
    clients = {"urllib": [sys.executable, "-I", "-c", _URLLIB, url]}
    if curl := shutil.which("curl"):
        clients["curl"] = [curl, "-q", "-sS", "-f", "--http1.1", "--noproxy", "*", url]
    for name, command in clients.items():
        done, due = _run(name, command), site.body(site.page)
        if name == "urllib" and re.search(rb"HTTP Error 1\d\d", done.stderr):
            continue  # it knows no interim answer but 100, though each client has to (RFC 9110, section 15.2)
        if done.returncode or (due is not None and done.stdout != due):
            said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["other bytes came"]
            raise Fault(f"{name} did not get the page: {said[0].replace(str(port), 'PORT')}")
    if site.folder:
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            shares = [PICTURES[one::_CONNECTIONS] for one in range(_CONNECTIONS)]
            list(pool.map(lambda paths: _fetch(subject, site, paths), shares))


def _run(name: str, command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run a client to its end. Raises Fault if it still waits after a time in which none is busy, else NotSeenHere."""
    try:
        return subprocess.run(command, capture_output=True, timeout=_CLIENT_SECONDS)
    except subprocess.TimeoutExpired:
        if crowded():
            raise NotSeenHere(f"this machine was too busy to tell whether {name} gets the page") from None
        raise Fault(f"{name} waited {_CLIENT_SECONDS} s for the end of the page") from None


def _fetch(subject: Subject, site: Site, paths: Sequence[str]) -> None:
    """Ask for pictures on one connection, and on a new one where its end was announced."""
    with contextlib.ExitStack() as stack:
        visitor: Visitor | None = None
        for path in ("/gallery.html", *paths):
            visitor = visitor or stack.enter_context(visit(subject))
            if must_get(visitor, site, path, " as a browser asks").last:
                visitor = None
