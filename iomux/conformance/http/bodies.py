"""Stage C, bodies: where they end, and that not one byte of them is taken for the next request.

A server of files has no use for a body and answers what it likes (405, 411, 413, 501, or 200); but then it either has
read the body and answers the next request, or it ends the connection (RFC 9112, sections 6.3 and 9.3).
"""

import contextlib
import time

from iomux.conformance.http.items import item
from iomux.conformance.http.site import NEW, Site
from iomux.conformance.http.visitor import STALLED, Visitor, get
from iomux.conformance.http.visits import if_pipelined, must_get, visit
from iomux.conformance.trial.items import warm_up
from iomux.conformance.trial.patience import ready
from iomux.conformance.trial.subject import Fault, NotSeen, Subject

CHUNKED = b"5\r\nhello\r\na;a=b;c\r\n the world\r\n0\r\nSome-Trailer: x\r\n\r\n"
_UPLOAD_BYTES, _FIRST_BYTES, _CUT = 16 << 20, 64 << 10, 9
_REFUSES_SECONDS, _ATTEMPTS = 1.0, 3


def body_then_page(visitor: Visitor, site: Site, body: str, note: str = "", may_refuse: bool = False) -> bool:
    """Read the answer to a request with a body and that to a GET behind it; whether the second one came.

    Raises Fault if what comes second is not the page: then a part of the body was taken for a request, or of the
    request for the body. may_refuse: whether 400 is right, too.
    """
    first = visitor.answer(f"a request with {body}")
    if first.status == 400 and site.folder and not may_refuse:
        raise visitor.fault(f"a right request with {body} was answered by 400, as if it were malformed", note=note)
    return not first.last and page_behind(visitor, site, body, note)


def page_behind(visitor: Visitor, site: Site, body: str, note: str = "") -> bool:
    """Read the answer to the GET behind a body; whether it came. Raises Fault if it is not the page, or none comes."""
    second = visitor.next(f"a GET behind {body}")
    if second is None:
        if visitor.how == STALLED:
            raise visitor.fault(f"a GET behind {body} was not answered: {visitor.how}", note=note)
        return False
    due = site.body(site.page)
    if second.status != 200 or (due is not None and second.body != due):
        got = second.status if second.status != 200 else "another page"
        raise visitor.fault(f"a GET behind {body} got {got}: where does the body end?", note=note)
    if visitor.unread:
        raise visitor.fault(f"more answers came than requests were sent with {body}", note=note)
    return True


def needs_a_read_body(subject: Subject, site: Site, body: bytes) -> None:
    """Raise NotSeen unless the server reads a chunked body, and goes on behind it."""
    with warm_up("chunked-body"), visit(subject) as visitor:
        visitor.send(get(site.page, "Transfer-Encoding: chunked", method="POST") + body + get(site.page))
        if not body_then_page(visitor, site, "a chunked body"):
            raise NotSeen("the server ends the connection behind a chunked body: that is allowed")


@item(
    "body",
    "C",
    rule="a body is read to its Content-Length, and the next request begins behind it",
    sent="a POST whose body looks like a GET, and a GET behind it; the same in two pieces; so a BREW, and a PUT",
    hint="Even if you refuse the request, its body is on its way: read it and throw it away, or end the connection.",
    rfc="RFC 9112, sections 6.3 and 9.3",
    run="(printf 'POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 5\\r\\n\\r\\nhello';\n"
    "printf 'GET /page.html HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'; sleep 1) | nc 127.0.0.1 PORT",
)
def body_by_length(subject: Subject, site: Site) -> None:
    """A body that is a request of its own shows best where it ends. A method that is not known has one all the same."""
    for method, path in (("POST", site.page), ("BREW", site.page), ("PUT", NEW)):
        if method != "PUT" or site.folder:  # a server of somebody's pages might keep it
            _length_body(subject, site, method, path)


@item(
    "get-body",
    "C",
    rule="the body of a GET is not the next request",
    sent="a GET of one page whose body looks like a GET of another one, a GET behind it; in two pieces; in chunks",
    hint="A GET may have a body, though it means nothing: its Content-Length counts as that of a POST does.",
    rfc="RFC 9110, section 9.3.1; RFC 9112, sections 6.3 and 11.2",
    run="curl -v -X GET -d hello 127.0.0.1:PORT/page.html 127.0.0.1:PORT/page.html",
)
def get_with_body(subject: Subject, site: Site) -> None:
    """The same with GET, if a POST's body is read; to refuse the body of a GET is right (RFC 9110, section 9.3.1)."""
    with warm_up("body"):
        _length_body(subject, site, "POST", site.page)
    _length_body(subject, site, "GET", site.page)
    if _reads_chunks(subject, site):
        with if_pipelined(subject, site), visit(subject) as visitor:
            inner = get(site.second)
            chunks = b"%X\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)
            visitor.send(get(site.page, "Transfer-Encoding: chunked") + chunks + get(site.page))
            body_then_page(visitor, site, "a chunked body (GET)", may_refuse=True)


def _reads_chunks(subject: Subject, site: Site) -> bool:
    """Whether the item chunked-body passes: else its fault is not told a second time."""
    try:
        chunked_body(subject, site)
    except (Fault, NotSeen):
        return False
    return True


def _length_body(subject: Subject, site: Site, method: str, path: str) -> None:
    inner, may_refuse = get(site.second), method in ("GET", "BREW")
    head = get(path, f"Content-Length: {len(inner)}", method=method)
    with if_pipelined(subject, site), visit(subject) as visitor:
        visitor.send(head + inner + get(site.page))
        if not body_then_page(visitor, site, f"a body ({method})", may_refuse=may_refuse):
            return
    with visit(subject) as visitor:
        visitor.send(head + inner[:_CUT])
        visitor.wait_until_read()
        visitor.send(inner[_CUT:] + get(site.page))
        body_then_page(visitor, site, f"a body ({method}) in two pieces", may_refuse=may_refuse)


@item(
    "chunked-body",
    "C",
    rule="a chunked body is read to its last chunk; extensions are passed over, trailers are read",
    sent="a POST with two chunks, one with an extension, and a trailer, and a GET behind it",
    hint="A chunk is its size in hexadecimal, CRLF, the data, CRLF. Behind the chunk of size 0 come trailers and an "
    "empty line: all of that belongs to the body.",
    rfc="RFC 9112, sections 7.1, 7.1.1 and 7.1.2",
    run="printf hello | curl -v -H 'Transfer-Encoding: chunked' -d @- 127.0.0.1:PORT/page.html",
    points=3,
)
def chunked_body(subject: Subject, site: Site) -> None:
    """Two chunks and a trailer."""
    with if_pipelined(subject, site), visit(subject) as visitor:
        visitor.send(get(site.page, "Transfer-Encoding: chunked", method="POST") + CHUNKED + get(site.page))
        body_then_page(visitor, site, "a chunked body")


@item(
    "expect-100",
    "C",
    rule="Expect: 100-continue is answered before the body comes, by 100 or by the final answer; HTTP/1.0 gets no 100",
    sent="the head of a POST with Expect: 100-continue; if 100 came, the body and a GET; then the same as HTTP/1.0",
    hint="The client waits for you. Answer HTTP/1.1 100 Continue and an empty line when the head is read, or refuse "
    "at once; the final answer comes as well.",
    rfc="RFC 9110, section 10.1.1",
    run="curl -v -H 'Expect: 100-continue' -d hello 127.0.0.1:PORT/page.html",
)
def expect_100(subject: Subject, site: Site) -> None:
    """Not one byte of the body is sent before an answer."""
    asked = ("Expect: 100-continue", "Content-Length: 5")
    what = "Expect: 100-continue"
    with visit(subject) as visitor:
        visitor.send(get(site.page, *asked, method="POST"))
        first = visitor.next(what, interim=True)
        if first is None:
            raise visitor.fault(f"{what} was not answered, and the client waits with its body: {visitor.ending()}")
        if first.status < 200:
            visitor.send(b"hello")
            if not visitor.answer(f"a POST with {what} and its body").last:
                visitor.send(get(site.page))
                page_behind(visitor, site, f"{what} and its body")
    with visit(subject) as visitor:
        visitor.send(get(site.page, *asked, method="POST", version="1.0") + b"hello")
        old = visitor.next(f"{what} in HTTP/1.0", interim=True)
        if old is not None and old.status < 200:
            raise visitor.fault("an HTTP/1.0 client, which does not know of it, was answered by 100")


@item(
    "upload-refused",
    "C",
    rule="a refusal is heard by a client that is still sending its body",
    sent="a POST of 16 MiB: the first 64 KiB, then, when the refusal is there or a second is over, all the rest",
    hint="A close with bytes unread is a reset, and it destroys your answer on its way. Close in stages: send it, "
    "shutdown(SHUT_WR), read and throw away what comes for some seconds, then close.",
    rfc="RFC 9112, section 9.6; RFC 9110, section 15.5.14",
    run="head -c 16M /dev/zero | curl -v -H Expect: --data-binary @- 127.0.0.1:PORT/page.html",
)
def upload_refused(subject: Subject, site: Site) -> None:
    """On a busy machine a server's time for the goodbye may be over by chance: so it is tried three times."""
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(Fault):
            _upload(subject, site)
            return
    _upload(subject, site)


def _upload(subject: Subject, site: Site) -> None:
    with visit(subject) as visitor:
        visitor.send(get(site.page, f"Content-Length: {_UPLOAD_BYTES}", method="POST") + bytes(_FIRST_BYTES))
        if ready([visitor.client], seconds=_REFUSES_SECONDS)[0]:
            time.sleep(_REFUSES_SECONDS / 10)  # a close behind the answer is on its way, too
        if not visitor.deliver(bytes(_UPLOAD_BYTES - _FIRST_BYTES)):
            raise visitor.fault("a client that still sent its body was reset: most clients never see the answer then")
        visitor.answer("a POST of 16 MiB")
    with visit(subject) as visitor:
        must_get(visitor, site, site.page, ", after an upload,")
