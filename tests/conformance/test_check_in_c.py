"""`iomux.check` on servers in C that are wrong as only C is: an interrupted call, a buffer that all threads share."""

import pytest

from tests.c.programs import compiler, program
from tests.support.checks import check

pytestmark = pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler (cc, gcc or clang)")


def test_a_server_that_ends_of_an_interrupted_call_is_told_so_in_each_item() -> None:
    """Which item it dies in is left to chance, and if in any: whether a client waits already when a child ends."""
    items = ("echoes", "sizes", "end", "children")
    reports = (check(f"{program('interrupted')} {{port}}", items) for _ in range(5))
    report = next((report for report in reports if report.failed), None)
    assert report is not None
    for name in report.failed:
        assert report[name].seen.endswith("'accept: Interrupted system call'")
        assert "SA_RESTART" in report[name].hint


def test_a_buffer_of_all_threads_is_seen_each_time() -> None:
    result = check(f"{program('shared_buffer')} {{port}}", "hundred")["hundred"]
    assert result.status == "failed"
    assert "share" in result.hint
