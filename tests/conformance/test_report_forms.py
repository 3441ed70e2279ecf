"""The forms of a report: text, HTML, Markdown, JUnit XML; what to repair first; the exit status."""

import dataclasses
import html
import json
import re
import sys
import xml.etree.ElementTree as ET
from typing import Any

import pytest

import iomux
from iomux.conformance.evidence.gathering import Evidence
from iomux.conformance.repair import NOT_STARTED, groups
from iomux.conformance.result import Result
from tests.students.evident import doubles, stops_at_nul
from tests.support.checks import check

pytestmark = pytest.mark.usefixtures("searched")

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc shows how a server is built on Linux only")
BYTES = "a client sends <b>\x00\x1b[31m\ud800 & ``` \ufffe bytes"
SHOWN = Evidence(
    steps=("a client connects", "it sends 4 bytes"),
    shortest=True,
    window=("due:  aa```b", "came: aa<b>", "        ^ byte 2 is wrong"),
    command=("printf 'a' |", "nc -N 127.0.0.1 PORT"),
    tape='iomux.tape("poll", [(0.0, "a", b"a"), (0.2, "a", b"")])',
)


def result(name: str, status: Any = "failed", **more: Any) -> Result:
    return Result(
        **{
            "name": name,
            "status": status,
            "points": 4,
            "rule": f"the rule of {name}",
            "sent": "some bytes",
            "seen": "" if status == "passed" else f"seen by {name}",
            "hint": "a hint",
            "man": "recv(2)",
            **more,
        }
    )


def report(*results: Result, **more: Any) -> iomux.Report:
    return iomux.Report("mine", results, **more)


ALL = report(
    result("echoes", "passed"),
    result("sizes", seen=BYTES, evidence=SHOWN),
    result("bulk"),
    result("leaks", "not seen", seen="no /proc | here"),
    notes=("called as serve(host, port)",),
    built="1 process, 1 thread; clients' sockets blocking; asleep in recv",
)


def test_who_waits_in_the_backlog_is_explained_by_what_leaves_clients_there() -> None:
    waits = {"seen": "client 2 got nothing back: nothing more came"}
    left = result("burst", **waits, detail={"in_the_backlog": True})
    others = result("hundred", **waits), result("idle", **waits), result("bulk", seen="it got other bytes")
    assert report(left, *others).repair_first.endswith("it probably explains also hundred, idle")
    accepted = result("burst", **waits, detail={"in_the_backlog": False})
    assert report(accepted, *others).repair_first.endswith("it probably explains also idle")


def test_a_server_that_ends_of_two_calls_on_one_client_has_one_fault() -> None:
    ends = {name: {"seen": f"the server ended with status 1: {name} ECONNRESET"} for name in ("read", "write")}
    failed = result("reset", **ends["write"]), result("mid-reset", **ends["write"]), result("leaks", **ends["read"])
    assert report(*failed).repair_first.endswith("it probably explains also mid-reset, leaks")


def test_the_text_leads_with_what_to_repair_first() -> None:
    assert str(ALL).splitlines()[:4] == [
        "mine: 1 of 4 items passed, 1 not seen, 4 of 16 points",
        "repair this first: sizes (the rule of sizes): it probably explains also bulk",
        "built as: 1 process, 1 thread; clients' sockets blocking; asleep in recv",
        "called as serve(host, port)",
    ]


def test_the_text_shows_the_evidence_in_order() -> None:
    keys = re.findall(r"^ {11}(\w+):", str(ALL), re.MULTILINE)
    assert keys[:9] == ["sent", "seen", "try", "due", "came", "run", "tape", "hint", "read"]


def test_the_page_escapes_all_and_keeps_the_caret_in_its_column() -> None:
    page = ALL._repr_html_()
    assert "<b>\x00" not in page
    code = html.unescape(page.split("<pre", 1)[1].split(">", 1)[1].split("</pre>")[0])
    lines = code.splitlines()
    due = lines.index("due:  aa```b")
    assert lines[due + 2].index("^") == lines[due].index("`")


def test_markdown_fences_are_longer_than_any_in_the_bytes() -> None:
    told = ALL.to_markdown()
    assert "````text\n" in told
    assert "\\<b\\>" in told, "no tag of the server's output"
    assert "Not seen: `leaks`: no /proc \\| here" in told
    assert told.endswith("Passed: `echoes`\n")


def test_junit_can_be_parsed_whatever_the_server_has_said() -> None:
    text = ALL.to_junit()
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", text)
    text.encode("utf-8")
    suite = ET.fromstring(text.split("\n", 1)[1])[0]
    assert suite.attrib == {"name": "iomux check mine", "tests": "4", "failures": "2", "errors": "0", "skipped": "1"}
    echoes, sizes, _, leaks = suite.findall("testcase")
    assert [child.tag for child in echoes] == ["properties"]
    failure, skipped = sizes.find("failure"), leaks.find("skipped")
    assert failure is not None
    assert skipped is not None
    assert "printf 'a' |" in (failure.text or "")
    assert skipped.attrib["message"] == "no /proc | here"


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([result("echoes", "passed")], 0),
        ([result("echoes", "passed"), result("leaks", "not seen")], 0),
        ([result("echoes", "passed"), result("leaks", "not seen", by_machine=True)], 3),
        ([result("leaks", "not seen", by_machine=True)], 3),
        ([result("leaks", "not seen")], 1),
        ([result("echoes"), result("leaks", "not seen", by_machine=True)], 1),
    ],
)
def test_the_exit_status(results: list[Result], status: int) -> None:
    assert report(*results).exit_status == status


def test_a_cause_that_is_known_comes_before_what_is_likely() -> None:
    known = [result("sizes"), result("bulk", cause="dies"), result("leaks", cause="dies"), result("pieces")]
    assert [(group.first, group.others, group.known) for group in groups(known)] == [
        ("sizes", ("pieces",), False),
        ("bulk", ("leaks",), True),
    ]
    assert report(*known[1:3]).repair_first == ("repair this first: bulk (the rule of bulk): it explains also leaks")


def test_the_same_end_is_probably_the_same_cause() -> None:
    end = "the server ended with status 1: ValueError: no"
    assert report(result("hundred", seen=end), result("urgent", seen=end)).repair_first.endswith("also urgent")
    assert report(result("hundred", seen=end)).repair_first == ""


def test_what_a_model_can_not_do_explains_nothing() -> None:
    assert report(result("hundred", exempt="its model"), result("idle", exempt="its model")).repair_first == ""


def test_a_passed_report_says_no_more_than_before() -> None:
    assert str(report(result("echoes", "passed"))).splitlines() == [
        "mine: 1 of 1 items passed, 4 of 4 points",
        "  passed   echoes            the rule of echoes",
    ]


@linux
def test_a_failure_is_short_and_narrow_and_the_same_each_time() -> None:
    first, second = (check(doubles, ("echoes", "sizes"), evidence=True) for _ in range(2))
    assert str(first) == str(second)
    assert first.to_markdown() == second.to_markdown()
    lines = str(first).splitlines()
    assert max(map(len, lines)) <= 95
    assert len(lines) <= 22
    assert "asleep in accept and recv" in first.built
    assert "came: aa" in str(first)


@linux
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("epoll", "1 process, 1 thread, epoll; clients' sockets nonblocking; asleep in epoll_wait"),
        ("select", "1 process, 1 thread; clients' sockets nonblocking; asleep in select"),
        ("threaded", "1 process, 3 threads; clients' sockets blocking; asleep in accept and recv"),
    ],
)
def test_how_a_server_is_built_is_seen_from_outside(name: str, told: str) -> None:
    from iomux.conformance.evidence.built import built
    from iomux.conformance.trial.subject import Subject

    with iomux.start(name) as server:
        assert built(Subject(server.address, server.pid)) == told
        assert built(Subject(server.address)) == "", "the process of an address is not known"


def test_the_evidence_is_in_the_json() -> None:
    told = dataclasses.asdict(ALL["sizes"])["evidence"]
    assert told["shortest"] is True
    assert '"built": "1 process' in ALL.to_json()


def test_what_json_does_not_know_costs_nobody_the_report() -> None:
    told = json.loads(report(result("sizes", detail={"got": b"\xff", "counts": {1}})).to_json())
    assert told["results"][0]["detail"] == {"got": "b'\\xff'", "counts": "{1}"}


def test_a_server_that_stops_at_a_byte_is_named_once() -> None:
    assert check(stops_at_nul, ("sizes", "pieces")).repair_first.endswith("it probably explains also pieces")


def test_of_a_server_that_did_not_start_no_item_is_to_blame() -> None:
    assert report(result("sizes", cause=NOT_STARTED), result("bulk", cause=NOT_STARTED)).repair_first == ""
