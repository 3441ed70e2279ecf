"""Where a body ends: Content-Length, Transfer-Encoding, and both (RFC 9112, sections 6.1, 6.3 and 11.2)."""

from tests.protocols.http.suite.case import SMUGGLED, Case, chunked, either, get, post, refused, taken

END = b"0\r\n\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
DOUBTFUL = r"4\d\d||400 200|501"
HIDDEN = r"2\d\d|(404|405|501)"
"""Doubtful: read as the chunks say, and then over (RFC 9112, section 6.1)."""
_LENGTHS = ("-1", "-0", "+5", "five", "5a", "0x5", "0o5", "1_0", "1 0", "5,", ",5", "5.0", "5e0", "5;", "")


def _length(value: str, right: str = "400", doubtful: str = DOUBTFUL) -> Case:
    name = f"Content-Length: {value}"
    return refused(name, "9110 8.6", post(name, body=b"hello"), right, doubtful)


def _coding(value: str, right: str = "400", doubtful: str = r"4\d\d|501||(400|501) 200", body: bytes = HELLO) -> Case:
    name = f"Transfer-Encoding: {value}"
    return refused(name, "9112 6.1", post(name, body=body), right, doubtful)


def _both(name: str, *fields: str, body: bytes = END) -> Case:
    return refused(name, "9112 6.3", post(*fields, body=body + SMUGGLED), "400", rf"4\d\d||501|{HIDDEN}")


CASES: tuple[Case, ...] = (
    taken("a body with its length", "9112 6.3", post("Content-Length: 5", body=b"hello"), echoes=b"hello"),
    taken("no length, no body", "9112 6.3", post(), r"(2\d\d|411) 200|(404|405|501)( 200)?"),
    taken("Content-Length: 0", "9112 6.3", post("Content-Length: 0")),
    taken("a blank behind the length", "9110 5.5", post("Content-Length: 5 ", body=b"hello"), echoes=b"hello"),
    taken("blanks in front of the length", "9110 5.5", post("Content-Length:   5", body=b"hello"), echoes=b"hello"),
    taken("a tab in front of the length", "9110 5.5", post("Content-Length:\t5", body=b"hello"), doubtful="400( 200)?"),
    either("leading zeros", "9110 8.6", post("Content-Length: 005", body=b"hello"), "(2..|405|501)( 200)?|400"),
    either(
        "zeros in front of ten", "9110 8.6", post("Content-Length: 010", body=b"hellohello"), "(2..|405|501)( 200)?|400"
    ),
    either("Content-Length: 00", "9110 8.6", post("Content-Length: 00"), "(2..|405|501)( 200)?|400"),
    *map(_length, _LENGTHS),
    _length("5, 6", doubtful="4..||501"),
    _length("5, 5", doubtful=r"4..||2\d\d 200|(405|501)( 200)?|400 200"),
    _length("5, 5, 5", doubtful=r"4..||2\d\d 200|(405|501)( 200)?|400 200"),
    _length("99999999999999999999999", "400|413", r"4\d\d||(405|501)"),
    _length("9" * 5000, "400|413|431", r"4\d\d||(405|501)"),
    refused(
        "a billion bytes, none sent", "9110 15.5.14", post("Content-Length: 999999999"), "413|405|501", r"4\d\d||~.*"
    ),
    refused(
        "two lengths", "9112 6.3", post("Content-Length: 5", "Content-Length: 6", body=b"hello"), "400", "4..||501"
    ),
    either("a length twice", "9112 6.3", post("Content-Length: 5", "Content-Length: 5", body=b"hello")),
    refused(
        "two lengths hide a request",
        "9112 11.2",
        post(f"Content-Length: {len(SMUGGLED)}", "Content-Length: 0", body=SMUGGLED),
        "400",
        "4..||501",
    ),
    refused(
        "a blank in front of the colon of a length",
        "9112 5.1",
        post("Content-Length : 5", body=b"hello"),
        "400",
        DOUBTFUL,
    ),
    taken("Content_Length is another field", "9110 5.1", post("Content_Length: 5"), doubtful=r"4\d\d( 200)?"),
    taken("chunks", "9112 7.1", chunked(HELLO), echoes=b"hello"),
    taken("Chunked in capitals", "9112 7", post("TRANSFER-ENCODING: CHUNKED", body=HELLO), echoes=b"hello"),
    taken("a tab in front of chunked", "9110 5.5", post("Transfer-Encoding:\tchunked", body=HELLO), doubtful="400"),
    taken("a blank behind chunked", "9110 5.5", post("Transfer-Encoding: chunked ", body=HELLO), doubtful="400|501"),
    _coding("xchunked", "501|400"),
    _coding("identity", "501|400"),
    _coding("gzip, chunked", "501|400", r"4\d\d|2\d\d 200|501 200|(404|405)( 200)?"),
    _coding("chunked, gzip", "400"),
    _coding("gzip", "400|501"),
    _coding("chunked, chunked"),
    _coding("chunked, identity"),
    _coding(""),
    _coding(", chunked", "400", r"501|2\d\d 200|405( 200)?|"),
    _coding("chunked,", "400", r"501|2\d\d 200|405( 200)?|"),
    _coding("chunked;a=b", "400|501"),
    _coding('"chunked"', "400|501"),
    _coding("chunked\x0b", "400"),
    _coding("\x0cchunked", "400"),
    _coding("chunked\0", "400"),
    _coding("chunked\x80", "400|501"),
    refused("chunked twice", "9112 6.1", chunked(HELLO, "Transfer-Encoding: chunked"), "400", r"501|2\d\d 200|405|"),
    refused("chunked and identity", "9112 6.1", chunked(HELLO, "Transfer-Encoding: identity"), "400", "501|"),
    refused(
        "a folded coding", "9112 5.2", post("Transfer-Encoding:", " chunked", body=HELLO), "400", "2.. 200|501|405|"
    ),
    refused(
        "a blank in front of the coding's colon",
        "9112 5.1",
        post("Transfer-Encoding : chunked", body=HELLO),
        "400",
        DOUBTFUL,
    ),
    refused(
        "chunks in HTTP/1.0",
        "9112 6.1",
        post("Transfer-Encoding: chunked", body=HELLO, line="POST / HTTP/1.0"),
        "400",
        r"411|2\d\d|405|501|",
    ),
    taken("Transfer_Encoding is another field", "9110 5.1", post("Transfer_Encoding: chunked", "Content-Length: 0")),
    _both("a length and chunks", "Content-Length: 5", "Transfer-Encoding: chunked"),
    _both("chunks and a length", "Transfer-Encoding: chunked", "Content-Length: 5"),
    _both("a length that ends with the last chunk", "Content-Length: 5", "Transfer-Encoding: chunked", body=END),
    _both("a shorter length and chunks", "Content-Length: 4", "Transfer-Encoding: chunked", body=b"1\r\nZ\r\n" + END),
    _both("a length no number, and chunks", "Content-Length: 5x", "Transfer-Encoding: chunked"),
    _both("a length with plus, and chunks", "Content-Length: +5", "Transfer-Encoding: chunked"),
    _both("a length and chunks in another case", "Content-Length: 5", "Transfer-Encoding: cHuNkEd"),
    _both("a length and a folded coding", "Content-Length: 5", "Transfer-Encoding:", " chunked"),
    _both("a length and identity", "Content-Length: 5", "Transfer-Encoding: identity", body=b"hello"),
    _both("a length and two codings", "Content-Length: 5", "Transfer-Encoding: chunked", "Transfer-Encoding: x"),
    _both("both, with close", "Content-Length: 5", "Transfer-Encoding: chunked", "Connection: close"),
    taken("a GET with a body", "9110 9.3.1", get("Content-Length: 5") + b"hello", "200 200", "400( 200)?|413"),
    taken(
        "a GET's body is no request",
        "9112 11.2",
        get(f"Content-Length: {len(SMUGGLED)}") + SMUGGLED,
        "200 200",
        "400|413",
    ),
    taken("a GET with chunks", "9110 9.3.1", get("Transfer-Encoding: chunked") + HELLO, "200 200", "400( 200)?"),
    taken(
        "OPTIONS with a body",
        "9112 11.2",
        get(f"Content-Length: {len(SMUGGLED)}", line="OPTIONS / HTTP/1.1") + SMUGGLED,
        r"(2\d\d|405|501|400|413)( 200)?",
    ),
    taken(
        "a beginning of a request as a body", "9112 11.2", get("Content-Length: 7") + b"GET /x ", "200 200", "400|413"
    ),
)
