"""The doubts of 09: what a kernel does not say of its threads, and what a file system does not say of its cache."""

import math

import pytest

from iomux.system.features import hidden
from iomux.system.io_uring_abi import why_not
from tests.course.falsifiers.pages.page_09 import CACHED, PAGE, STRAIGHT, device
from tests.course.falsifiers.pages.page_09_tables import MOVED, SQPOLL, copied
from tests.course.test_doubts import said

pytestmark = pytest.mark.skipif(
    bool(why_not()) or "io_uring" in hidden(), reason="without io_uring the verdicts are not tried, whatever the doubts"
)


@pytest.mark.parametrize(("watched_ms", "answers"), [(9.0, {MOVED: "True"}), (31.0, {MOVED: "False"}), (math.nan, {})])
def test_09_what_sqpolls_thread_has_worked(
    watched_ms: float, answers: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = copied(SQPOLL={"watched_ms": watched_ms}) | {"both": ["epoll", "io_uring"]}
    worked = names["here"].frame.groupby("way")[["helpers_ms", "watched_ms"]].sum() / 6
    names["helped"] = worked.assign(worked_ms=worked["helpers_ms"] - worked["watched_ms"])
    assert SQPOLL in names["helped"].index
    assert said(PAGE, "watching-verdict", capsys, **names) == answers


@pytest.mark.parametrize(
    ("on_disk", "direct", "answers"),
    [
        (True, False, {CACHED: "True", STRAIGHT: "True"}),
        (True, True, {CACHED: "True", STRAIGHT: "False"}),
        (False, True, {}),
    ],
)
def test_09_whether_a_device_copied(
    on_disk: bool, direct: bool, answers: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(PAGE, "device-verdict", capsys, **device(direct=direct) | {"on_disk": on_disk}) == answers
