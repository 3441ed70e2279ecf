"""Stage D, refusals: what must not be taken for a request, since others would read it in another way."""

from iomux.conformance.http.items import item
from iomux.conformance.http.site import Site
from iomux.conformance.http.visitor import get
from iomux.conformance.http.visits import ANY, Bad, in_one_way, refused
from iomux.conformance.trial.subject import Subject

_HOST = "Host: localhost"


@item(
    "host",
    "D",
    rule="a request without a Host, with two of them, or with one that is none, gets 400",
    sent="GETs without Host, with two different ones, and with a blank in one",
    hint="Count the Host fields of an HTTP/1.1 request: exactly one. A slash, a blank or an @ is in no host's name.",
    rfc="RFC 9112, section 3.2",
    run="curl -v -H 'Host:' 127.0.0.1:PORT/page.html",
)
def host(subject: Subject, site: Site) -> None:
    """Its framing is right: whether the connection ends is the server's choice."""
    refused(
        subject,
        site,
        Bad("no Host", [], must_end=False),
        Bad("two Hosts", [_HOST, "Host: example.org"], must_end=False),
        Bad("a blank in its Host", ["Host: local host"], must_end=False),
    )


@item(
    "name-blank",
    "D",
    rule="a blank between a field's name and its colon gets 400",
    sent="a GET with a field written as 'Content-Length : 5'",
    hint="Don't strip what is left of the colon: a name with a blank in it is no name. Others would look it up so.",
    rfc="RFC 9112, section 5.1",
    run="curl -v -H 'X-Name : a' 127.0.0.1:PORT/page.html",
    points=1,
)
def name_blank(subject: Subject, site: Site) -> None:
    """One with a meaning and one without."""
    refused(
        subject,
        site,
        Bad("a blank before a colon", [_HOST, "X-Name : a"], must_end=False),
        Bad("a tab before the colon of Content-Length", [_HOST, "Content-Length\t: 5"], must_end=False),
    )


@item(
    "folded",
    "D",
    rule="a line that begins with a blank is refused, or belongs to the field above: it is no field of its own",
    sent="a GET with a field whose second line is ' Content-Length: 44', and a GET behind it",
    hint="A folded line is old and rare: answer 400. If you strip each line before you look at it, it becomes a field.",
    rfc="RFC 9112, section 5.2",
    run="(printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\nX: 1\\r\\n Content-Length: 44\\r\\n\\r\\n'\n"
    "printf 'GET /page.html HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'; sleep 1) | nc 127.0.0.1 PORT",
    points=1,
)
def folded(subject: Subject, site: Site) -> None:
    """The length of the next request stands in the folded line."""
    behind = get(site.second)
    in_one_way(subject, site, "a folded line", f"X-Folded: a\r\n Content-Length: {len(behind)}", behind)


@item(
    "bare-cr",
    "D",
    rule="a CR without LF ends no line: it is refused, or counts as a blank",
    sent="a GET with a field in which a CR stands before 'Content-Length: 44', and a GET behind it",
    hint="Split at CRLF only. splitlines() takes a lone CR, and some ten other characters, for the end of a line.",
    rfc="RFC 9112, section 2.2; RFC 9110, section 5.5",
    run="(printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\nX: 1\\rContent-Length: 44\\r\\n\\r\\n'\n"
    "printf 'GET /page.html HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'; sleep 1) | nc 127.0.0.1 PORT",
    points=1,
)
def bare_cr(subject: Subject, site: Site) -> None:
    """Other ends of lines that Python's str knows, too."""
    behind = get(site.second)
    for name, mark in (("a bare CR", "\r"), ("a form feed", "\f"), ("a NEL (0x85)", "\x85")):
        in_one_way(subject, site, f"{name} in a field", f"X-Line: a{mark}Content-Length: {len(behind)}", behind)


@item(
    "bad-length",
    "D",
    rule="a Content-Length that is no number, or two that differ, get 400 and the end, and nothing behind is answered",
    sent="GETs with Content-Length -1, +5, 0x5, 5x, and with both 5 and 6; each with a GET behind it",
    hint="A length is digits and nothing else: int() takes +5, 1_0 and blanks as well. If it is wrong you don't know "
    "where the next request begins, so there is no next one.",
    rfc="RFC 9112, sections 6.3 and 11.2; RFC 9110, section 8.6",
    run="curl -v -H 'Content-Length: +5' 127.0.0.1:PORT/page.html",
)
def bad_length(subject: Subject, site: Site) -> None:
    """Whether it is a sign, a base, or a contradiction."""
    lengths = (("-1",), ("+5",), ("0x5",), ("5x",), ("1_0",), ("5", "6"), ("5, 6",))
    cases = [
        Bad(
            f"Content-Length: {' and '.join(values)}",
            [_HOST, *(f"Content-Length: {one}" for one in values)],
            then=b"hello",
        )
        for values in lengths
    ]
    refused(subject, site, *cases)


@item(
    "both-lengths",
    "D",
    rule="Content-Length beside Transfer-Encoding: refused, or read by its chunks; in both cases the end comes",
    sent="a POST with a chunked body and a Content-Length, and a GET behind it",
    hint="This is how requests are smuggled past a proxy. Refuse it, or let the chunks count; end the connection.",
    rfc="RFC 9112, sections 6.1 and 6.3",
    run="(printf 'POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 3\\r\\n'\n"
    "printf 'Transfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n'; sleep 1) | nc 127.0.0.1 PORT",
)
def both_lengths(subject: Subject, site: Site) -> None:
    """The answer may be any; the end must come."""
    both = [_HOST, "Content-Length: 5", "Transfer-Encoding: chunked"]
    case = Bad("both Content-Length and Transfer-Encoding", both, b"0\r\n\r\n", ANY, method="POST")
    refused(subject, site, case)


@item(
    "codings",
    "D",
    rule="a Transfer-Encoding that does not end in chunked, or is not known, gets 400 or 501, or 405 where nothing is "
    "posted, and the end; in HTTP/1.0 the end",
    sent="POSTs with Transfer-Encoding gzip, 'chunked, gzip', xchunked, and chunked in HTTP/1.0; a GET behind each",
    hint="Compare all of the value, not whether chunked is somewhere in it: without it at the end nobody knows where "
    "the body ends.",
    rfc="RFC 9112, sections 6.1 and 6.3",
    run="curl -v -H 'Transfer-Encoding: xchunked' -d hello 127.0.0.1:PORT/page.html",
)
def codings(subject: Subject, site: Site) -> None:
    """HTTP/1.0 has no chunks, and its connection ends even if it asks for keep-alive."""
    said = (400, 405, 411, 501)  # a server of files may look at the method first
    cases = [
        Bad(f"Transfer-Encoding: {one}", [_HOST, f"Transfer-Encoding: {one}"], b"0\r\n\r\n", said, method="POST")
        for one in ("gzip", "chunked, gzip", "xchunked")
    ]
    old = ["Connection: keep-alive", "Transfer-Encoding: chunked"]
    refused(
        subject,
        site,
        *cases,
        Bad("Transfer-Encoding in HTTP/1.0", old, b"0\r\n\r\n", ANY, method="POST", version="1.0", silence=True),
    )


@item(
    "bad-chunk",
    "D",
    rule="a chunk without a size, or without its CRLF: the end; nothing behind it is answered, nor behind one whose "
    "size is too large to be true, which may be waited for",
    sent="POSTs with a chunk of size 'zz', '-5', '0x5', one of 17 digits, and one longer than its size; a GET behind",
    hint="int(size, 16) takes -5, +5 and 0x5 as well. Behind the data of a chunk there must be CRLF: if not, you have "
    "lost your place, and there is no next request.",
    rfc="RFC 9112, sections 2.2, 7.1 and 11.2",
    run="(printf 'POST / HTTP/1.1\\r\\nHost: a\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nz\\r\\n';\nsleep 1) |\n"
    "nc 127.0.0.1 PORT",
)
def bad_chunk(subject: Subject, site: Site) -> None:
    """What was answered before the body was read is no matter; what is behind is. The end alone is right, too."""
    bodies = {
        "a chunk of size zz": b"zz\r\nhello\r\n0\r\n\r\n",
        "a chunk of size -5": b"-5\r\nhello\r\n0\r\n\r\n",
        "a chunk of size 0x5": b"0x5\r\nhello\r\n0\r\n\r\n",
        "a chunk of a size of 17 digits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
        "a chunk that is longer than its size": b"5\r\nhello and more\r\n0\r\n\r\n",
    }
    chunked = [_HOST, "Transfer-Encoding: chunked"]
    for what, body in bodies.items():
        may_wait = "17 digits" in what
        refused(subject, site, Bad(what, chunked, body, ANY, method="POST", silence=True, may_wait=may_wait))
