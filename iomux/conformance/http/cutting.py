"""Requests that arrive in pieces: a stream has no messages, and the network may cut it anywhere (RFC 9112, 2.2).

A piece is sent when the server has read the one before, which the kernel tells (sock_diag(7)): so each cut is a read of
the server's, and no pause has to be long enough.
"""

from iomux.conformance.http.items import item
from iomux.conformance.http.site import Site
from iomux.conformance.http.staying import answers_in_order
from iomux.conformance.http.visitor import Visitor, get
from iomux.conformance.http.visits import expect_page, needs_staying, visit
from iomux.conformance.trial.items import warm_up
from iomux.conformance.trial.subject import Fault, Subject


@item(
    "cut-anywhere",
    "B",
    rule="two requests are answered wherever their bytes are cut in two",
    sent="two GETs in two pieces, cut behind the first byte, behind the second, and so on: a connection for each cut",
    hint="recv returns what has arrived, not a request: keep what came until the empty line is there. A cut may lie "
    "between CR and LF, and within the empty line.",
    rfc="RFC 9112, section 2.2; tcp(7)",
    run="(printf 'GET /page.html HT'; sleep 1; printf 'TP/1.1\\r\\nHost: a\\r\\n\\r\\n'; sleep 1) |\nnc 127.0.0.1 PORT",
    points=3,
)
def cut_anywhere(subject: Subject, site: Site) -> None:
    """Try every place; what fails uncut is another item's fault."""
    needs_staying(subject, site)
    paths, both = [site.page, site.second], get(site.page) + get(site.second)
    with warm_up("pipelined"), visit(subject) as visitor:
        visitor.send(both)
        answers_in_order(visitor, site, paths, "of two requests sent at once")
    for cut in range(1, len(both)):
        with visit(subject) as visitor:
            _in_pieces(visitor, both[:cut], both[cut:])
            try:
                answers_in_order(visitor, site, paths, "of two requests cut in two")
            except Fault as fault:
                fault.detail["command"] = _cut_command(both[:cut], both[cut:])
                fault.detail["cut_behind_byte"] = cut
                raise


@item(
    "byte-by-byte",
    "B",
    rule="a request that comes byte by byte is answered",
    sent="one client sends a GET one byte at a time, the next when the last was read",
    hint="Do you begin to parse before all of the head is there? Look for the empty line in all that came so far.",
    rfc="RFC 9112, section 2.2",
    run="(printf 'GET /page.html HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' | fold -b -w 1 |\n"
    'while IFS= read -r -N 1 b; do printf %s "$b"; sleep .05; done) | nc 127.0.0.1 PORT  # in bash',
)
def byte_by_byte(subject: Subject, site: Site) -> None:
    """Send each byte when the one before was read."""
    with visit(subject) as visitor:
        request = get(site.page)
        _in_pieces(visitor, *(request[place : place + 1] for place in range(len(request))))
        what = "a GET that came byte by byte"
        expect_page(visitor, visitor.answer(what), what, site.body(site.page))


@item(
    "chunked-cut",
    "C",
    rule="a chunked body is read wherever its bytes are cut in two",
    sent="a POST with a chunked body and a GET behind it, in two pieces, cut behind each byte of the body",
    hint="The size line, the data and the CRLF behind it may each come in two reads: know in which you are.",
    rfc="RFC 9112, sections 2.2 and 7.1",
    run="(printf 'POST / HTTP/1.1\\r\\nHost: a\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n5'; sleep 1;\n"
    "printf '\\r\\nhello\\r\\n0\\r\\n\\r\\nGET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'; sleep 1) |\n"
    "nc 127.0.0.1 PORT",
)
def chunked_cut(subject: Subject, site: Site) -> None:
    """Try every place within the body."""
    from iomux.conformance.http.bodies import CHUNKED, body_then_page, needs_a_read_body

    needs_a_read_body(subject, site, CHUNKED)
    head = get(site.page, "Transfer-Encoding: chunked", method="POST")
    for cut in range(1, len(CHUNKED)):
        with visit(subject) as visitor:
            _in_pieces(visitor, head + CHUNKED[:cut], CHUNKED[cut:] + get(site.page))
            body_then_page(visitor, site, "a chunked body cut in two", f" (cut: {cut})")


def _in_pieces(visitor: Visitor, *pieces: bytes) -> None:
    for piece in pieces[:-1]:
        visitor.send(piece)
        visitor.wait_until_read()
    visitor.send(pieces[-1])


def _cut_command(before: bytes, after: bytes) -> list[str]:
    first, second = (repr(part.decode())[1:-1] for part in (before, after))
    return [f"(printf '{first}'; sleep 1;", f"printf '{second}'; sleep 1) |", "nc 127.0.0.1 PORT"]
