"""Mark one submission with plain pytest, one test for each item of `iomux.check`.

    export SUBMISSION=ada.py:serve_poll
    pytest --pyargs iomux.course.coursework.test_submission --junitxml=ada.xml -o junit_family=xunit1

The points of each test (`points` of `of`) are properties in the JUnit file; a failure shows the words of the report.
Each item is tried alone, for as long as it takes, so a wrong server may get more than of a whole check, which is over
after 25 s.
"""

import functools
import os
from collections.abc import Callable
from typing import Any

import pytest

from iomux.conformance.check import NAMES, POINTS, check
from iomux.conformance.report import HIDDEN
from iomux.processes.resolve import find

SUBMISSION = os.environ.get("SUBMISSION", "")
_NO_MARK = "no mark, since this machine hides it: "


@pytest.mark.parametrize("item", NAMES)
def test_item(item: str, record_property: Callable[[str, object], None]) -> None:
    """One item passes or fails; an item that was not seen is skipped, with the reason, and earns nothing.

    `pytest -rs` shows the reasons. One that begins with "no mark" is this machine's: then the sum is no mark.
    """
    submission = _submission()
    if isinstance(submission, Exception):
        record_property("points", 0)
        record_property("of", POINTS[item])
        pytest.fail(str(submission), pytrace=False)
    report = check(submission, only=item, progress=False)
    record_property("points", report.earned)
    record_property("of", report.points)
    if report.not_seen:
        why = report[item].seen
        pytest.skip(_NO_MARK + why if report.exit_status == HIDDEN else why)
    if not report.passed:
        pytest.fail(str(report), pytrace=False)


@functools.cache
def _submission() -> Any:
    """What is named, or what is wrong with it: an import that does not end takes its ten seconds only once."""
    if not SUBMISSION:  # not skipped: nothing was marked, and that must not look like a pass
        return LookupError("no submission is named: SUBMISSION=ada.py:serve_poll pytest ...")
    try:
        return find(SUBMISSION)
    except (ImportError, LookupError, TypeError, ValueError) as error:
        return error
