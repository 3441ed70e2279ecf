"""Stage A, first words: one request, one answer, as any client begins."""

import time
from email.utils import parsedate_to_datetime

from iomux.conformance.http.items import item
from iomux.conformance.http.site import BIG, MISSING, PAGE, Site
from iomux.conformance.http.visitor import STALLED, Visitor, get
from iomux.conformance.http.visits import expect_page, must_get, visit
from iomux.conformance.trial.items import warm_up
from iomux.conformance.trial.subject import Fault, Subject
from iomux.conformance.trial.window import window

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_STRANGE = ("/pictures", "/pictures/", f"{PAGE}/", f"{PAGE}/x", "/" + "a" * 300, "/%zz", "/%", "/%ff")
_OFF_SECONDS = 300.0
_DATE_SHAPE = "Sun, 06 Nov 1994 08:49:37 GMT"


@item(
    "get",
    "A",
    rule="a GET of a page gets a status line, fields, an empty line, and the page",
    sent="one client asks for a page",
    hint="Write one answer by hand: HTTP/1.1 200 OK, a line Content-Length with the number of bytes of the body, an "
    "empty line, the body. Each line ends in CR and LF.",
    rfc="RFC 9112, sections 2.1, 4 and 6.2; RFC 9110, section 15.3.1",
    run="curl -v 127.0.0.1:PORT/page.html",
    points=3,
)
def get_page(subject: Subject, site: Site) -> None:
    """Check the first answer, byte by byte."""
    with visit(subject) as visitor:
        must_get(visitor, site, site.page)


@item(
    "head",
    "A",
    rule="a HEAD gets the fields of the GET and no body, and the next answer is unspoilt",
    sent="on one connection a HEAD of a page, then a GET of it",
    hint="HEAD is GET without its body: Content-Length says what a GET would get, and not one byte of it follows, "
    "else the client takes it for its next answer.",
    rfc="RFC 9110, section 9.3.2",
    run="curl -v -I 127.0.0.1:PORT/page.html",
)
def head(subject: Subject, site: Site) -> None:
    """Compare the two, on one connection if the server keeps it."""
    with visit(subject) as visitor:
        first = visitor.ask(site.page, method="HEAD")
        if first.status != 200:
            raise visitor.fault(f"HEAD {site.page} was answered by {first.status}, and not by 200")
        due = site.body(site.page)
        if due is not None and first.length not in (None, len(due)):
            raise visitor.fault("the Content-Length of a HEAD is not that of the GET")
        _nothing_between(visitor, site, "behind the head of the answer to a HEAD came a body")


def _nothing_between(visitor: Visitor, site: Site, seen: str) -> None:
    """Ask for a page. Raises Fault, saying what was seen, if other bytes come before its answer."""
    visitor.send(get(site.page))
    after = visitor.rest_or_answer()
    if after and not after.startswith(b"HTTP/1."):
        raise visitor.fault(seen, window=window(b"HTTP/1.1 200 OK\r\n", after))


@item(
    "not-found",
    "A",
    rule="what is not there gets 404",
    sent="a client asks for a file that is not in the folder, then for a page; another one does so by HEAD; others ask "
    "for a folder, a file as if it were a folder, a name of 300 letters, /%zz and /%ff; then one for a page",
    hint="An exception for a missing file is an answer to its client: 404, and the server lives on.",
    rfc="RFC 9110, section 15.5.5",
    run="curl -v 127.0.0.1:PORT/there-is-no-such-file.html",
    points=1,
)
def not_found(subject: Subject, site: Site) -> None:
    """404, or 410 for what is known to be gone; to a name that is strange, any answer."""
    site.need_folder()
    for method in ("GET",) if _head_fails(subject, site) else ("GET", "HEAD"):
        with visit(subject) as visitor:
            answer = visitor.ask(MISSING, method=method)
            if answer.status not in (404, 410):
                raise visitor.fault(f"{method} {MISSING} was answered by {answer.status}, and not by 404")
            _nothing_between(visitor, site, f"behind the answer to {method} {MISSING} came more than it had announced")
    for path in _STRANGE:
        with visit(subject) as visitor:
            shown = f"{path[:20]}…" if len(path) > 20 else path
            visitor.ask(path, "Connection: close", what=f"GET {shown}")
    with visit(subject) as visitor:
        must_get(visitor, site, site.page, ", after a file that was not found,")


def _head_fails(subject: Subject, site: Site) -> bool:
    """Whether the item head fails: then its fault is not told a second time."""
    try:
        head(subject, site)
    except Fault:
        return True
    return False


@item(
    "large-file",
    "A",
    rule="a file of 10 MiB comes byte for byte",
    sent="one client asks for a file of 10 MiB of random bytes",
    hint="send takes a part and returns how much that was. Open the file as bytes, not as text, and give its length.",
    rfc="RFC 9110, section 8.6; RFC 9112, section 6.3",
    run="curl -s 127.0.0.1:PORT/big.bin | cmp - FOLDER/big.bin",
)
def large_file(subject: Subject, site: Site) -> None:
    """Compare every byte."""
    site.need_folder()
    with visit(subject) as visitor:
        must_get(visitor, site, BIG)


@item(
    "methods",
    "A",
    rule="a method that is not known, or not allowed, is refused (501, 405), and a 405 names the allowed ones",
    sent="a request with the method BREW, and a POST of a page that is a file",
    hint="Look at the method before you look for the file. 405 needs a field Allow, as in Allow: GET, HEAD.",
    rfc="RFC 9110, sections 9.1, 10.2.1, 15.5.6 and 15.6.2",
    run="curl -v -X BREW 127.0.0.1:PORT/page.html",
)
def methods(subject: Subject, site: Site) -> None:
    """BREW must not be taken for a GET; whether a POST is allowed is the server's affair."""
    for method, fields in (("BREW", ()), ("POST", ("Content-Length: 0",))):
        with visit(subject) as visitor:
            answer = visitor.ask(site.page, *fields, method=method)
            if method == "BREW" and answer.status < 400:
                raise visitor.fault(f"the unknown method BREW was answered by {answer.status}, as if it were known")
            if answer.status == 405 and "allow" not in answer.fields:
                raise visitor.fault(f"the 405 to {method} has no field Allow")


@item(
    "field-names",
    "A",
    rule="the names of fields, and the options of Connection, are read in any case, and blanks around a value are none "
    "of it",
    sent="requests whose fields are written as hOST and CONNECTION, with blanks and tabs around their values; and one "
    "with close behind another option",
    hint="Put each name into small letters before you look it up, and strip blanks and tabs from the value.",
    rfc="RFC 9110, sections 5.1, 5.5 and 7.6.1; RFC 9112, section 5",
    run="curl -v -H 'CONNECTION:   Close' 127.0.0.1:PORT/page.html",
)
def field_names(subject: Subject, site: Site) -> None:
    """A Connection: close in another spelling must be heard as the usual one is."""
    with warm_up("close"), visit(subject) as visitor:
        visitor.ask(site.page, "Connection: close")
        visitor.must_end("the answer")
    for host, options, how in (
        ("hOST:\t localhost \t", "CONNECTION:  \tClose ", "in another spelling"),
        ("Host: localhost", "Connection: x-other, close", "behind another option"),
    ):
        with visit(subject) as visitor:
            visitor.send(f"GET {site.page} HTTP/1.1\r\n{host}\r\n{options}\r\n\r\n".encode())
            what = f"a GET with a Connection: close {how}"
            expect_page(visitor, visitor.answer(what), what, site.body(site.page))
            if (more := visitor.rest()) or visitor.how == STALLED:
                why = "more bytes came" if more else STALLED
                raise visitor.fault(f"a Connection: close {how} was not heard: {why}")


@item(
    "date",
    "A",
    rule="an answer has the date at which it was made",
    sent="one client asks for a page",
    hint="Date: Sun, 06 Nov 1994 08:49:37 GMT: always in English, always GMT; email.utils.formatdate(usegmt=True).",
    rfc="RFC 9110, sections 5.6.7 and 6.6.1",
    run="curl -sI 127.0.0.1:PORT/page.html | grep -i ^date",
    points=1,
)
def date(subject: Subject, site: Site) -> None:
    """Check that the field is there, has the one form that is to be sent, and tells the time of this machine."""
    with visit(subject) as visitor:
        began = time.time()
        found = visitor.ask(site.page).field("date")
        if not found:
            raise visitor.fault("the answer has no field Date")
        try:
            moment = parsedate_to_datetime(found)
            right = moment.strftime(f"{_WEEKDAYS[moment.weekday()]}, %d ") in found and found.endswith(" GMT")
        except ValueError:
            right = False
        if not right or len(found) != len(_DATE_SHAPE):
            raise visitor.fault(f"the Date is not written as in {_DATE_SHAPE}")
        if not began - _OFF_SECONDS < moment.timestamp() < time.time() + _OFF_SECONDS:
            raise visitor.fault("the Date is not that of now: it is more than five minutes off", date=found)
