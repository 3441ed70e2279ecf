"""What an answer says: its fields, conditional requests, ranges (RFC 9110, sections 6.6, 9, 10.2, 13, 14 and 15)."""

from tests.protocols.http.suite.case import Case, get, post, taken

OK = "200 200"
MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
DATE = rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d {MONTH} \d{{4}} \d\d:\d\d:\d\d GMT"
LONG_AGO, LATER = "Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"


def _says(name: str, section: str, sent: bytes, right: str, *needs: str, lacks: tuple[str, ...] = ()) -> Case:
    return Case(name, section, sent, right, needs=needs, lacks=lacks)


CASES: tuple[Case, ...] = (
    _says("Date is there", "9110 6.6.1", get(), OK, r"^date:"),
    _says("Date's form", "9110 5.6.7", get(), OK, rf"^date: *{DATE}\r$"),
    _says("the content's type is there", "9110 8.3", get(), OK, "^content-type: *[a-z]+/"),
    _says("the body's end is told", "9112 6.3", get(), OK, r"^(content-length: *\d+|transfer-encoding: *chunked)\r$"),
    _says("the version of the answer", "9110 2.5", get(), OK, r"\AHTTP/1\.1 200 "),
    _says("HTTP/1.0 gets no chunks", "9112 6.1", get(line="GET / HTTP/1.0"), "200", lacks=("^transfer-encoding:",)),
    _says(
        "HTTP/1.0 that stays is told so",
        "9112 9.3",
        get("Connection: keep-alive", line="GET / HTTP/1.0"),
        "200 200|200",
        lacks=("^transfer-encoding:",),
    ),
    _says("close is said", "9112 9.6", get("Connection: close"), "200", r"^connection:.*\bclose\b"),
    _says("HEAD has no body", "9110 9.3.2", get(line="HEAD / HTTP/1.1"), OK),
    _says(
        "HEAD does not say that the length is 0",
        "9110 8.6",
        get(line="HEAD / HTTP/1.1"),
        OK,
        lacks=(r"^content-length: *0\r$",),
    ),
    _says("HEAD with Connection: close", "9110 9.3.2", get("Connection: close", line="HEAD / HTTP/1.1"), "200"),
    _says("HEAD of nothing", "9110 9.3.2", get(line="HEAD /nothing/here HTTP/1.1"), r"(200|404) 200"),
    _says(
        "HEAD with a body",
        "9112 11.2",
        get("Content-Length: 5", line="HEAD / HTTP/1.1") + b"hello",
        r"(200|400|413)( 200)?",
    ),
    _says(
        "405 names the methods",
        "9110 15.5.6",
        get("Content-Length: 0", line="DELETE / HTTP/1.1"),
        r"(2\d\d|404|405|501)( 200)?",
        r"\AHTTP/1.1 (?!405)|^allow:",
    ),
    _says(
        "PUT",
        "9110 9.1",
        post("Content-Length: 0", line="PUT /x HTTP/1.1"),
        r"(2\d\d|403|404|405|501)( 200)?",
        r"\AHTTP/1.1 (?!405)|^allow:",
    ),
    _says(
        "PATCH",
        "5789 2",
        post("Content-Length: 0", line="PATCH / HTTP/1.1"),
        r"(2\d\d|403|404|405|501)( 200)?",
        r"\AHTTP/1.1 (?!405)|^allow:",
    ),
    _says(
        "204 has no length",
        "9110 8.6",
        get(line="OPTIONS / HTTP/1.1"),
        r"(200|204|404|405|501)( 200)?",
        r"\AHTTP/1.1 (?!204)|\A(?![\s\S]*^content-length:)",
    ),
    _says("OPTIONS names the methods", "9110 9.3.7", get(line="OPTIONS / HTTP/1.1"), r"(200|204|404|405|501)( 200)?"),
    taken(
        "nothing of this name", "9110 15.5.5", get(line="GET /nothing/of/this/name HTTP/1.1"), "(200|404) 200", "404"
    ),
    taken(
        "a range of a POST is ignored",
        "9110 14.2",
        post("Content-Length: 5", "Range: bytes=0-1", body=b"hello"),
        r"(2(?!06)\d\d|404|405|501)( 200)?",
    ),
    taken("a range in no unit", "9110 14.2", get("Range: apples=0-1"), OK, "416 200"),
    taken("a range that is none", "9110 14.2", get("Range: bytes=abc"), OK, "(400|416)( 200)?"),
    taken("a range backwards", "9110 14.1.1", get("Range: bytes=5-2"), OK, "(400|416)( 200)?"),
    taken("a range behind the end", "9110 14.4", get("Range: bytes=99999999-"), "(200|416) 200"),
    taken("no last bytes", "9110 14.1.2", get("Range: bytes=-0"), "(200|416) 200"),
    taken(
        "a thousand ranges",
        "9110 14.2",
        get("Range: bytes=" + ",".join(f"{n}-" for n in range(1000))),
        r"(200|206|416) 200",
        r"4\d\d( 200)?",
    ),
    _says(
        "the first byte",
        "9110 14.4",
        get("Range: bytes=0-0"),
        "(200|206) 200",
        r"\AHTTP/1.1 (?!206)|^content-range: *bytes 0-0/\d+\r$",
    ),
    taken("If-None-Match: *", "9110 13.1.2", get("If-None-Match: *"), "(200|304) 200"),
    taken("If-None-Match of another version", "9110 13.1.2", get('If-None-Match: "no such tag"'), OK),
    taken("If-None-Match without quotes", "9110 13.1.2", get("If-None-Match: none"), OK, "(304|400)( 200)?"),
    taken("If-Modified-Since long ago", "9110 13.1.3", get(f"If-Modified-Since: {LONG_AGO}"), OK),
    taken("If-Modified-Since later", "9110 13.1.3", get(f"If-Modified-Since: {LATER}"), "(200|304) 200"),
    taken("If-Modified-Since is no date", "9110 13.1.3", get("If-Modified-Since: yesterday"), OK, "400( 200)?"),
    taken(
        "If-None-Match counts, the date does not",
        "9110 13.1.3",
        get('If-None-Match: "no such tag"', f"If-Modified-Since: {LATER}"),
        OK,
    ),
    taken("If-Match of another version", "9110 13.1.1", get('If-Match: "no such tag"'), "(200|412)( 200)?"),
    taken("If-Unmodified-Since long ago", "9110 13.1.4", get(f"If-Unmodified-Since: {LONG_AGO}"), "(200|412)( 200)?"),
    taken("If-Range of another version", "9110 13.1.5", get('If-Range: "no such tag"', "Range: bytes=0-0"), OK),
)
