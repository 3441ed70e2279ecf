"""How the items visit a server: they ask for a page and compare it, or send what has to be refused.

Two readers of one stream that disagree on where a request ends make a hole: what the one takes for a body the other
takes for the next client's request (RFC 9112, section 11.2, request smuggling). So after an error of framing nothing of
that stream may be believed, and the connection has to end.
"""

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from iomux.conformance.http.answers import Answer
from iomux.conformance.http.site import Site
from iomux.conformance.http.visitor import STALLED, Visitor, get
from iomux.conformance.trial.connecting import connect, connect_narrow
from iomux.conformance.trial.items import warm_up
from iomux.conformance.trial.subject import Fault, NotSeen, Subject
from iomux.conformance.trial.window import window

ANY_REFUSAL = range(400, 600)
ANY = range(200, 600)


@contextlib.contextmanager
def visit(subject: Subject, narrow: bool = False) -> Iterator[Visitor]:
    """A connected visitor; narrow: through which little fits, so that the server's sends fall short."""
    with connect_narrow(subject) if narrow else connect(subject) as client:
        yield Visitor(subject, client)


def expect_page(visitor: Visitor, answer: Answer, what: str, due: bytes | None) -> None:
    """Raise Fault unless the answer is a 200 with the bytes that are due, if those are known."""
    if answer.status != 200:
        raise visitor.fault(f"{what} was answered by {answer.status}, and not by 200")
    if due is not None and answer.body != due:
        shown = window(due, answer.body)
        raise visitor.fault(f"the body of the answer to {what} is not the file", window=shown)


def must_get(visitor: Visitor, site: Site, path: str, who: str = "") -> Answer:
    """Ask for a page and check it. Raises Fault."""
    what = f"GET {path}{who}"
    visitor.send(get(path))
    answer = visitor.answer(what)
    expect_page(visitor, answer, what, site.body(path))
    return answer


def needs_staying(subject: Subject, site: Site) -> None:
    """Raise NotSeen unless the server keeps a connection for a second request."""
    with warm_up("keep-alive"), visit(subject) as visitor:
        first = must_get(visitor, site, site.page)
        if first.last:
            raise ends_each(first, ", but see keep-alive")
        must_get(visitor, site, site.page)


def ends_each(answer: Answer, see: str = "") -> NotSeen:
    """Why what needs a second answer can't be seen. answer: one of those behind which the end came."""
    said = ", and says so" if answer.says_last else ""
    return NotSeen(f"the server ends the connection behind each answer{said}: that is allowed{see}")


@contextlib.contextmanager
def if_pipelined(subject: Subject, site: Site) -> Iterator[None]:
    """Judge requests that were sent together. Raises NotSeen for a fault if the server takes only the first of two."""
    try:
        yield
    except Fault:
        with warm_up("pipelined"), visit(subject) as visitor:
            visitor.send(get(site.page) * 2)
            first = visitor.answer("the first of two GETs sent at once")
            if not first.last and visitor.next("the second of two GETs sent at once") is None:
                raise visitor.fault("the second of two GETs sent at once was not answered") from None
        raise


def still_serves(subject: Subject, site: Site, after: str) -> None:
    """Check that a newcomer gets the page. Raises Fault, naming what happened before."""
    with visit(subject) as visitor:
        must_get(visitor, site, site.page, f" by a new client, after {after},")


@dataclass(frozen=True)
class Bad:
    """One malformed request."""

    what: str
    """What is wrong with it, in words."""
    lines: Sequence[str]
    """Its fields; behind them comes the empty line."""
    then: bytes = b""
    """What is sent behind the head as its body."""
    statuses: Collection[int] = (400,)
    """The answers that are right."""
    must_end: bool = True
    """Whether the connection has to end, so that what is behind it is not answered."""
    silence: bool = False
    """Whether an end without an answer is right, too."""
    may_wait: bool = False
    """Whether it is right to wait for more, too: nothing is answered then, and nothing ends yet."""
    method: str = "GET"
    version: str = "1.1"


def refused(subject: Subject, site: Site, *cases: Bad) -> None:
    """Send each on a connection of its own. Raises Fault at the first that is taken for a right one."""
    for bad in cases:
        head = "\r\n".join([f"{bad.method} {site.page} HTTP/{bad.version}", *bad.lines, "", ""])
        with visit(subject) as visitor:
            visitor.send(head.encode("latin-1") + bad.then + get(site.second))
            _judge(visitor, bad)


def _judge(visitor: Visitor, bad: Bad) -> None:
    first = visitor.next(f"a request with {bad.what}")
    if first is None:
        if visitor.how == STALLED and bad.may_wait:
            return
        if visitor.how == STALLED:
            raise visitor.fault(f"a request with {bad.what} was not answered, and the connection did not end")
        if not bad.silence:
            raise visitor.fault(f"a request with {bad.what} got the end of the connection, and no answer")
        return
    if first.status not in bad.statuses:
        raise visitor.fault(f"a request with {bad.what} was answered by {first.status}, and not by {_due(bad)}")
    if bad.must_end:
        _nothing_behind(visitor, bad, first)


def _nothing_behind(visitor: Visitor, bad: Bad, first: Answer) -> None:
    """Read to the end. A second refusal, of the rest of the bytes, is no answer to what is behind."""
    while not first.to_the_end and (more := visitor.next(f"what is behind {bad.what}")) is not None:
        if more.status < 400:
            raise visitor.fault(f"behind a request with {bad.what} the next one was answered: smuggling is open")
    if visitor.how == STALLED and not bad.may_wait:
        raise visitor.fault(f"behind a request with {bad.what} the connection was not ended")


def _due(bad: Bad) -> str:
    return "a refusal (4xx)" if isinstance(bad.statuses, range) else " or ".join(map(str, bad.statuses))


def in_one_way(subject: Subject, site: Site, what: str, line: str, hidden: bytes) -> None:
    """Send a field in which a length seems to stand, and a GET behind it. Raises Fault if that length was believed.

    A refusal is right, and so is an answer to each of the two; what is wrong is to take the second for a body.
    """
    with if_pipelined(subject, site), visit(subject) as visitor:
        head = f"GET {site.page} HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n"
        visitor.send(head.encode("latin-1") + hidden)
        first = visitor.answer(f"a request with {what}")
        if first.status >= 400 or first.last:
            return
        second = visitor.next(f"a GET behind {what}")
        if second is None and visitor.how == STALLED:
            raise visitor.fault(f"{what} was believed: the length in it has swallowed the next request")
