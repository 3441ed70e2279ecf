"""Mark one submission with plain pytest, an item a test.

    SUBMISSION=ada.py:serve_poll pytest examples/test_submission.py --junitxml=ada.xml -o junit_family=xunit1

Each test's points are a property in the JUnit file, and a failure is the report's own words.
"""

import os
from collections.abc import Callable

import pytest

import iomux
from iomux.conformance.check import NAMES

SUBMISSION = os.environ.get("SUBMISSION", "")


@pytest.mark.skipif(not SUBMISSION, reason="no submission is named: SUBMISSION=file.py:function pytest ...")
@pytest.mark.parametrize("item", NAMES)
def test_item(item: str, record_property: Callable[[str, object], None]) -> None:
    """One item, passed or failed; what can't be tried on this machine is skipped."""
    report = iomux.check(SUBMISSION, only=item, progress=False)
    record_property("points", report.earned)
    record_property("of", report.points)
    if report.not_seen:
        pytest.skip(report[item].seen)
    report.raise_if_failed()
