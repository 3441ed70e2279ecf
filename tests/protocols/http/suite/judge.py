"""The whole suite over one server: each case is right, doubtful or wrong."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.protocols.http.suite import chunks, connection, content, fields, lengths, lines
from tests.protocols.http.suite.case import Case
from tests.protocols.http.suite.talk import Address, Heard, converse

CASES: tuple[Case, ...] = tuple(
    case for part in (lines, fields, lengths, chunks, connection, content) for case in part.CASES
)
RIGHT, DOUBTFUL, WRONG = "right", "doubtful", "wrong"


class Verdict(NamedTuple):
    """What a case has shown."""

    case: Case
    word: str
    outcome: str
    reason: str


def judge(case: Case, heard: Heard) -> Verdict:
    """Compare what was heard with what the RFCs permit."""
    reason = _contradiction(case, heard)
    if reason:
        word = WRONG
    elif _permitted(case.right, heard):
        word = RIGHT
    else:
        word = DOUBTFUL if _permitted(case.doubtful, heard) else WRONG
    return Verdict(case, word, heard.outcome, reason)


def run(address: Address, cases: Iterable[Case] = CASES, patience: float = 1.0) -> Iterator[Verdict]:
    """The verdicts about the server at this address, each from a connection of its own."""
    for case in cases:
        yield judge(case, converse(address, case, patience))


def _permitted(outcomes: str, heard: Heard) -> bool:
    """Whether this outcome is among them; a server may always close behind an answer if it says so (RFC 9112, 9.6)."""
    says = re.search(rb"\AHTTP/1\.0|^connection:.*\bclose\b", heard.head, re.IGNORECASE | re.MULTILINE)
    longer = f"{heard.outcome} 200" if says and re.fullmatch("...", heard.outcome) else heard.outcome
    return any(re.fullmatch(outcomes, outcome) for outcome in (heard.outcome, longer))


def _contradiction(case: Case, heard: Heard) -> str:
    """What the first final answer says that it must not, or does not say."""
    head = heard.head.decode("latin-1")
    if re.match(r"HTTP/1\.. (2|3|405)", head):
        for needed in case.needs:
            if not re.search(needed, head, re.IGNORECASE | re.MULTILINE):
                return f"no {needed}"
        for unwanted in case.lacks:
            if re.search(unwanted, head, re.IGNORECASE | re.MULTILINE):
                return f"has {unwanted}"
    if case.echoes and re.match(r"HTTP/1\.. 2", head) and heard.body and not heard.body.endswith(case.echoes):
        return "the body is not the one that was sent"
    return ""
