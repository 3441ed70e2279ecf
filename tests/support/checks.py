"""`iomux.check` as the tests call it."""

from typing import Any

import pytest

import iomux

TOO_BUSY = "this machine was too busy"
_AGAIN = 3
SECONDS = 120
"""On a busy machine a check of a server that fails is not to be cut short."""


def check(target: Any, only: Any = None, evidence: bool = False) -> iomux.Report:
    """A check that tells what failed; without the shortest conversation that fails, which takes a second to find.

    What a busy machine could not tell is asked again: these tests keep both cores busy themselves.
    """
    for _ in range(_AGAIN):
        report = iomux.check(target, only=only, progress=False, seconds=SECONDS, evidence=evidence)
        if not could_not_tell(report):
            break
    return report


def could_not_tell(report: iomux.Report) -> bool:
    """Whether something was not seen because the machine was too busy just then."""
    return any(TOO_BUSY in report[name].seen for name in report.not_seen)


def told(report: iomux.Report) -> iomux.Report:
    """The report; a machine that was too busy three times skips the test, and says of what."""
    if could_not_tell(report):
        pytest.skip(f"not to be told here: {'; '.join(report[name].seen for name in report.not_seen)}")
    return report


def saw_all(report: iomux.Report) -> None:
    """Check that no item was left unseen, unless the machine was too busy: then the test is skipped, as by `told`."""
    assert told(report).not_seen == (), str(report)
