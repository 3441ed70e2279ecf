"""The request line: its target, which names a file and must not lead out of the folder, and its version.

A target is taken apart in one order: the query is cut off, the path is decoded, once, and then resolved; only what is
inside the folder after all of this is a file that may be sent (RFC 3986, sections 2.1 and 5.2.4).
"""

from urllib.parse import quote

from iomux.conformance.http.items import item
from iomux.conformance.http.site import BLANKS, NEIGHBOUR_NAME, SECRET, SECRET_NAME, Site
from iomux.conformance.http.visitor import STALLED, get
from iomux.conformance.http.visits import expect_page, must_get, still_serves, visit
from iomux.conformance.trial.items import warm_up
from iomux.conformance.trial.subject import Subject

_ESCAPES = ("/../", "/%2e%2e/", "/..%2f", "/%2e%2e%2f", "//../", "/pictures/../../", "/pictures/..%2f..%2f", "/..%5c")
_FILTERED = ("/....//", "/..././", "/.%2e/", "/%2e./", "/%2E%2E/")
"""They lead out where dots are taken out once, or looked for before they are decoded."""
_TWICE = ("/%252e%252e/", "/..%252f")


@item(
    "decoded-path",
    "A",
    rule="%20 in a path is a blank, %70 is a p, and what follows a question mark is no part of it",
    sent="GETs of a file whose name has blanks, of /%70age.html, and of /page.html?a=b",
    hint="Cut the query off first, then decode the percents, then look for the file: in this order, and once.",
    rfc="RFC 3986, sections 2.1, 3.4 and 6.2.2.2; RFC 9110, section 4.2.3",
    run="curl -v '127.0.0.1:PORT/a%20name%20with%20blanks.txt'",
)
def decoded_path(subject: Subject, site: Site) -> None:
    """Each must be found."""
    site.need_folder()
    named = f"/{quote(BLANKS)}"
    for path, of in ((named, named), ("/%70age.html", site.page), (f"{site.page}?a=b&c=%20d", site.page)):
        with visit(subject) as visitor:
            expect_page(visitor, visitor.ask(path), f"GET {path}", site.body(of))


@item(
    "outside",
    "A",
    rule="no path leads out of the folder: neither by dots, encoded or not, nor by a NUL or a second slash",
    sent="GETs of a file beside the folder, by .., %2e%2e, ..%2f, %252e%252e, // and its whole path, of one whose name "
    "begins as the folder's, and of a name with %00 in it",
    hint="Decode first, resolve the whole path (os.path.realpath), and only then ask whether it is inside the folder. "
    "A name with a NUL is no name: open raises ValueError for it.",
    rfc="RFC 3986, section 5.2.4; RFC 9110, section 17.3",
    run="curl -v --path-as-is 127.0.0.1:PORT/../secret.txt",
    points=4,
)
def outside(subject: Subject, site: Site) -> None:
    """Whatever is answered, it must not be the secret, and somebody must answer afterwards."""
    site.need_folder()
    beside = site.folder.rpartition("/")[0]
    paths = [f"{escape}{SECRET_NAME}" for escape in (*_ESCAPES, *_FILTERED, *_TWICE)]
    paths += [f"{escape}{NEIGHBOUR_NAME}" for escape in _ESCAPES]
    for path in (*paths, f"/{beside}/{SECRET_NAME}", f"{site.page}%00.txt"):
        with visit(subject) as visitor:
            visitor.send(get(path.replace(" ", "%20"), "Connection: close"))
            shown = path.replace(beside, "PATH")
            answer = visitor.next(shown)
            if answer is not None and SECRET in answer.body:
                raise visitor.fault(f"GET {shown} returned a file that is not in the folder")
            if answer is not None and "%00" in path and answer.status == 200 and answer.body == site.body(site.page):
                raise visitor.fault(f"GET {shown} returned the file whose name ends before the NUL")
    with visit(subject) as visitor:
        must_get(visitor, site, site.page, ", after paths that lead out of the folder,")


@item(
    "http10",
    "B",
    rule="an HTTP/1.0 client gets its page without a Host, not chunked, and then the end",
    sent="GET /page.html HTTP/1.0, with no field at all",
    hint="HTTP/1.0 knows neither Host nor chunks, and its connection ends with the answer unless it asks for "
    "Connection: keep-alive.",
    rfc="RFC 9112, sections 3.2, 6.1 and 9.3",
    run="curl -v --http1.0 127.0.0.1:PORT/page.html",
    points=1,
)
def http10(subject: Subject, site: Site) -> None:
    """Check framing and end."""
    with visit(subject) as visitor:
        answer = visitor.ask(site.page, version="1.0")
        expect_page(visitor, answer, "an HTTP/1.0 GET", site.body(site.page))
        if "transfer-encoding" in answer.fields:
            raise visitor.fault("the answer to HTTP/1.0 is chunked")
        visitor.must_end("the answer to HTTP/1.0")


@item(
    "absolute-form",
    "B",
    rule="a target that is a whole URL gets the same page, and OPTIONS * gets an answer",
    sent="GET http://localhost/page.html, then OPTIONS *",
    hint="A proxy's client sends the whole URL: leave out http:// and the host, and go on with the path. * is no path.",
    rfc="RFC 9112, sections 3.2.2 and 3.2.4",
    run="(printf 'GET http://localhost/page.html HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n'; sleep 1) |\n"
    "nc 127.0.0.1 PORT",
    points=1,
)
def absolute_form(subject: Subject, site: Site) -> None:
    """Any final answer to OPTIONS * will do."""
    with visit(subject) as visitor:
        answer = visitor.ask(f"http://localhost{site.page}")
        expect_page(visitor, answer, "a GET of a whole URL", site.body(site.page))
    with visit(subject) as visitor:
        visitor.ask("*", "Connection: close", method="OPTIONS")


@item(
    "http10-kept",
    "B",
    rule="an HTTP/1.0 client that asks for keep-alive is answered, and told so if the connection is kept",
    sent="GET /page.html HTTP/1.0 with Connection: keep-alive; if the answer says that it is kept, a second one",
    hint="Keeping it is your choice. If you do, say so in the answer (Connection: keep-alive), else the old client "
    "waits for an end that does not come.",
    rfc="RFC 9112, section 9.3 and appendix C.2.2",
    run="ab -k -n 2 http://127.0.0.1:PORT/page.html",
    points=1,
)
def http10_kept(subject: Subject, site: Site) -> None:
    """Either it says that it keeps it, and does, or it ends it: an old client learns nothing from HTTP/1.1 alone."""
    with warm_up("http10"), visit(subject) as visitor:
        visitor.ask(site.page, version="1.0")
    with visit(subject) as visitor:
        what = "an HTTP/1.0 GET with keep-alive"
        answer = visitor.ask(site.page, "Connection: keep-alive", version="1.0")
        expect_page(visitor, answer, what, site.body(site.page))
        if "keep-alive" in answer.options and not answer.last:
            again = visitor.ask(site.page, "Connection: keep-alive", version="1.0")
            expect_page(visitor, again, f"a second one, behind {what}", site.body(site.page))
            return
        visitor.rest()
        if visitor.how == STALLED:
            raise visitor.fault("the connection of an HTTP/1.0 client was kept, and the answer does not say so")


@item(
    "garbage",
    "D",
    rule="what is no request line gets 400, or the end, and harms nobody",
    sent="a TLS hello, a line with one word, and a line of signs, each on a connection of its own; then a GET",
    hint="Whoever types https:// into a browser sends you a TLS hello. A line that does not have three words is "
    "answered by 400, and the exception that it raised is none of your loop's.",
    rfc="RFC 9112, section 3; RFC 9110, section 15.5.1",
    run="curl -vk https://127.0.0.1:PORT/",
    points=1,
)
def garbage(subject: Subject, site: Site) -> None:
    """Each ends in an empty line, so that nobody has to wait for more."""
    hello = bytes.fromhex("16030100a5010000a10303") + bytes(range(128, 168))
    for what, line in (("a TLS hello", hello), ("one word", b"GET"), ("signs", b"\x00=?\xff")):
        with visit(subject) as visitor:
            visitor.send(line + b"\r\n\r\n")
            visitor.lenient_end(what)
    still_serves(subject, site, "bytes that are no request")


@item(
    "http2",
    "D",
    rule="a request of HTTP/2.0 is answered in HTTP/1, best by 505, or gets the end",
    sent="GET /page.html HTTP/2.0",
    hint="A version with another first number is another language: 505 says so, in your own. Don't repeat the number.",
    rfc="RFC 9110, sections 2.5 and 15.6.6",
    run="(printf 'GET /page.html HTTP/2.0\\r\\nHost: localhost\\r\\n\\r\\n'; sleep 1) |\nnc 127.0.0.1 PORT",
    points=1,
)
def http2(subject: Subject, site: Site) -> None:
    """Whatever it answers: a server that repeats the number 2.0 claims to speak what it does not."""
    with visit(subject) as visitor:
        visitor.send(get(site.page, "Host: localhost", version="2.0"))
        visitor.next("a request of HTTP/2.0")
        if visitor.how == STALLED:
            raise visitor.fault("a request of HTTP/2.0 was not answered, and the connection did not end")
    still_serves(subject, site, "a request of HTTP/2.0")
