"""A report as JUnit XML: a test case for each item, for the systems that collect tests.

There is no official schema. This is what Jenkins, GitLab and GitHub's actions read: `testsuites`, `testsuite`,
`testcase`, `failure` and `skipped`; points are properties of a test case, as pytest writes them.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from iomux.conformance.entries import entries
from iomux.conformance.result import Result
from iomux.conformance.text import entry_as_text

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write (https://www.w3.org/TR/xml/, section 2.2, Char)."""


def junit(target: str, lines: Sequence[str], results: Sequence[Result]) -> str:
    """The report as one XML document. lines: what is said of the server as a whole."""
    statuses = [result.status for result in results]
    counts = {
        "tests": str(len(results)),
        "failures": str(statuses.count("failed")),
        "errors": "0",
        "skipped": str(statuses.count("not seen")),
    }
    top = ET.Element("testsuites", counts)
    suite = ET.SubElement(top, "testsuite", {"name": _allowed(f"iomux check {target}"), **counts})
    for result in results:
        _add(suite, result, _allowed(target))
    if lines:
        ET.SubElement(suite, "system-out").text = _allowed("\n".join(lines))
    ET.indent(top)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(top, encoding="unicode") + "\n"


def _add(suite: ET.Element, result: Result, target: str) -> None:
    case = ET.SubElement(suite, "testcase", {"name": result.name, "classname": target})
    properties = ET.SubElement(case, "properties")
    for name in ("points", "earned", *(["stage"] if result.stage else [])):
        ET.SubElement(properties, "property", {"name": name, "value": _allowed(str(getattr(result, name)))})
    if result.status == "passed":
        return
    kind = "failure" if result.status == "failed" else "skipped"
    outcome = ET.SubElement(case, kind, {"message": _allowed(result.seen)})
    if result.status == "failed":
        said = (line for entry in entries(result) for line in entry_as_text(entry, indent=0))
        outcome.text = _allowed("\n".join([result.rule, *said]))


def _allowed(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
