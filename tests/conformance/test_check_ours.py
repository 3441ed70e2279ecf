"""`iomux.check` on every registered server: each passes what its I/O model allows."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import iomux
from iomux.conformance.check import NAMES
from iomux.servers import get
from tests.support.checks import check, saw_all
from tests.support.required import LONG

CONCURRENT = [m.name for m in iomux.mechanisms() if m.model != "nonblocking" and m.name != "blocking"]
WHOLE = ("epoll", *(iomux.names() if LONG else ()))
"""These are tried with every item; the others each with one sixth of the items, `io_uring`, whose loop is its own, with
a third, and those that fail some with these as well."""
THEIRS = {
    "blocking": ("hundred", "idle", "neighbours", "flood", "number-again", "descriptor-limit", "past-1024"),
    "nonblocking": ("silent", "leaving"),
}
"""What they fail, for reasons of their model, and what is not seen therefore."""
AT_ONCE = 2  # a check tries several items side by side

pytestmark = pytest.mark.timeout(600)  # the fixture's time counts as the first test's


@pytest.fixture(scope="module")
def reports() -> dict[str, iomux.Report]:
    """The check of every server that this machine has."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        names = iomux.names()
        return dict(zip(names, pool.map(check, names, map(items_for, names)), strict=True))


def items_for(name: str) -> tuple[str, ...]:
    if name in WHOLE:
        return NAMES
    step = 3 if name == "io_uring" else 6
    some = {NAMES[0], *THEIRS.get(name, ()), *NAMES[iomux.names().index(name) % step :: step]}
    return tuple(item for item in NAMES if item in some)


@pytest.mark.parametrize("name", CONCURRENT)
def test_our_concurrent_servers_pass_everything(reports: dict[str, iomux.Report], name: str) -> None:
    if reason := get(name).why_not():
        pytest.skip(reason)
    assert reports[name].failed == (), str(reports[name])
    saw_all(reports[name])
    assert reports[name].earned == reports[name].points
    assert [result.name for result in reports[name].results] == list(items_for(name))


def test_blocking_fails_only_what_its_model_cannot_do_and_says_so(reports: dict[str, iomux.Report]) -> None:
    report = reports["blocking"]
    assert report.failed == ("hundred", "idle")
    follows = ("neighbours", "flood", "number-again", "descriptor-limit", "past-1024")
    assert report.not_seen == follows, "what follows from hundred"
    assert all("one client at a time" in report[name].exempt for name in report.failed)
    assert "model: a blocking server serves one client at a time" in str(report)


def test_nonblocking_fails_only_what_its_model_cannot_do_and_says_so(reports: dict[str, iomux.Report]) -> None:
    report = reports["nonblocking"]
    assert report.failed == ("silent",)
    assert "never sleeps" in report["silent"].exempt
    assert report.not_seen == ("leaving",), "what makes it spin can't be told of a server that always does"
