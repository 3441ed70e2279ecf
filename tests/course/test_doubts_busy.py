"""The doubts of 01, 02 and 07 that come from the machine: in a sweep of disturbed runs no cost of a crowd is told.

The runs' own doubts are the control. They say what else the machine did, and nothing of how long a request took.
"""

import pandas as pd
import pytest

from tests.course.falsifiers.pages.page_07 import DEARER, LEVEL, LISTS, READY, swept
from tests.course.test_doubts import said

DISTURBED = "other programs used 80 % of the server's core"
TAIL = "1,000 threads have a tail 1.5 times as long as one thread's"
LONGER = "a request among 1,000 connections takes at least 5 times as long as alone"
WORK = "a request among 1,000 takes 3 times the processor time"


def crowd(slow: float, doubts: list[str]) -> pd.DataFrame:
    """Four rounds of two servers: with 1,000 clients the first needs `slow` times as long as the other, or as alone."""
    rows = [
        (server, count, 30.0 * (slow if (server, count) == (first, 1_000) else 1), doubt)
        for first, other in (("threaded", "poll"), ("nonblocking", "none"))
        for server in (first, other)
        for count in (1, 1_000)
        for doubt in doubts
    ]
    frame = pd.DataFrame(rows, columns=["server", "connections", "p99_us", "doubts"])
    return frame.assign(p50_us=frame["p99_us"], cpu_us_per_request=frame["p99_us"])


@pytest.mark.parametrize(
    ("slow", "doubts", "answer"),
    [
        (9, ["", "", "", ""], "True"),
        (1, ["", "", "", ""], "False"),
        (9, ["", "", "", DISTURBED], "True"),
        (1, ["", "", "", DISTURBED], "False"),
        (9, [DISTURBED] * 4, None),
        (1, [DISTURBED] * 4, None),
    ],
)
def test_a_crowd_is_judged_only_where_most_runs_were_undisturbed(
    slow: float, doubts: list[str], answer: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = crowd(slow, doubts)
    typical = frame.pivot_table(["p99_us"], "connections", "server", "median")
    tail = said("01_blocking.ipynb", "tail-verdict", capsys, crowd=frame, typical=typical)
    among = said("02_nonblocking.ipynb", "d757aa2f", capsys, crowd=frame)
    assert tail == ({TAIL: answer} if answer else {})
    assert among == ({LONGER: answer, WORK: answer} if answer else {})


@pytest.mark.parametrize(
    ("late_us", "doubts", "answer"),
    [
        (10_000, ["", ""], "True"),
        (100, ["", ""], "False"),
        (10_000, [DISTURBED] * 2, None),
        (100, [DISTURBED] * 2, None),
    ],
)
def test_02_a_sleep_makes_late_unless_others_want_the_cores(
    late_us: float, doubts: list[str], answer: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = pd.DataFrame({"pause_us": [0, 10_000], "cpu_share": [1.0, 0.01], "p50_us": [30.0, late_us]})
    heard = said("02_nonblocking.ipynb", "720ab089", capsys, prices=prices.assign(doubts=doubts))
    assert heard.get("with sleeps of 10 ms the latency is more than 10 times as long") == answer


@pytest.mark.parametrize(
    ("flat", "disturbed", "answer"),
    [(True, 0.0, "True"), (False, 0.0, "False"), (True, 0.4, "True"), (True, 1.0, None), (False, 1.0, None)],
)
def test_07_little_more_work_is_not_told_of_a_machine_that_others_use(
    flat: bool, disturbed: float, answer: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    world = swept(epoll=READY if flat else LISTS)
    frame = world["one_active"]
    frame["doubts"] = [DISTURBED] * int(disturbed * len(frame)) + [""] * (len(frame) - int(disturbed * len(frame)))
    heard = said("07_latency_against_concurrency.ipynb", "219833fc", capsys, **world)
    assert heard == {DEARER: "True"} | ({LEVEL: answer} if answer else {})
