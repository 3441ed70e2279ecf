"""`iomux.ratio`: round by round, its interval, and one clear sentence for a frame that does not allow it."""

from math import nan
from typing import Any

import pandas as pd
import pytest

import iomux


def made_up(rounds: int, connections: tuple[int, ...] = (10,)) -> pd.DataFrame:
    """A sweep in which poll takes twice as long as epoll, in rounds that differ tenfold."""
    return pd.DataFrame(
        [
            {
                **{"server": server, "repeat": repeat, "connections": level, "active": 1, "size_bytes": 64},
                **{"rate_per_s": nan, "reason": "", "p50_us": factor * 10.0 ** (repeat % 3) * (1 + repeat / 100)},
            }
            for repeat in range(rounds)
            for level in connections
            for server, factor in (("poll", 2 + repeat / 10), ("epoll", 1))
        ]
    )


def test_what_slows_a_whole_round_cancels_out() -> None:
    ratio = iomux.ratio(made_up(7), "poll", "epoll", "p50_us")
    assert ratio.values == pytest.approx([2, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6])
    assert (ratio.median, ratio.low, ratio.high, ratio.rounds) == pytest.approx((2.3, 2, 2.6, 7))
    assert str(ratio) == "poll / epoll, p50_us: 2.3 times (2 to 2.6, 95 % interval of the median, 7 rounds)"
    assert repr(ratio) == str(ratio)


def test_few_rounds_give_least_to_greatest_and_say_so() -> None:
    ratio = iomux.ratio(made_up(3), "poll", "epoll", "p50_us")
    assert ratio.meaning == "least to greatest of 3 rounds"
    assert (ratio.low, ratio.high) == pytest.approx((2, 2.2))


def test_the_order_of_the_rows_does_not_matter() -> None:
    frame = made_up(7)
    shuffled = frame.sample(frac=1, random_state=1)
    assert iomux.ratio(shuffled, "poll", "epoll", "p50_us") == iomux.ratio(frame, "poll", "epoll", "p50_us")


def without(frame: pd.DataFrame, server: str, repeat: int) -> pd.DataFrame:
    return frame[(frame["server"] != server) | (frame["repeat"] != repeat)]


LIMITED = made_up(3).assign(p50_us=nan, reason="select cannot watch descriptor 1024")


@pytest.mark.parametrize(
    ("frame", "named", "said"),
    [
        (made_up(3), ("select", "epoll", "p50_us"), "the frame has no server 'select': choose from poll, epoll"),
        (made_up(3), ("poll", "poll", "p50_us"), "poll is compared with itself: name two servers"),
        (made_up(3), ("poll", "epoll", "p42_us"), "no column 'p42_us' of numbers: choose from repeat, .*p50_us"),
        (made_up(3), ("poll", "epoll", "reason"), "no column 'reason' of numbers"),
        (made_up(3, (1, 10)), ("poll", "epoll", "p50_us"), r"several values, 1, 10: select one, as in frame\["),
        (made_up(1), ("poll", "epoll", "p50_us"), "one round only, which shows no spread: sweep with repeats=6"),
        (without(made_up(3), "poll", 1), ("poll", "epoll", "p50_us"), "round 1 has epoll only: leave it out"),
        (without(made_up(3), "epoll", 2), ("poll", "epoll", "p50_us"), "round 2 has poll only: leave it out"),
        (pd.concat([made_up(3)] * 2), ("poll", "epoll", "p50_us"), "round 0 is there twice for poll: rounds of two"),
        (made_up(3).assign(p50_us=nan), ("poll", "epoll", "p50_us"), "no p50_us in round 0: too few requests, or"),
        (made_up(3).assign(p50_us=0.0), ("poll", "epoll", "p50_us"), "no p50_us in round 0"),
        (LIMITED, ("poll", "epoll", "p50_us"), "no p50_us in round 0: select cannot watch descriptor 1024"),
        (made_up(3)[["server", "p50_us"]], ("poll", "epoll", "p50_us"), "is no table of iomux.sweep"),
        ([1, 2], ("poll", "epoll", "p50_us"), "is no table of iomux.sweep"),
    ],
)
def test_a_frame_that_can_not_be_compared_is_a_clear_error(frame: Any, named: tuple[str, str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        iomux.ratio(frame, *named)


def test_a_real_sweep_can_be_compared() -> None:
    frame = iomux.sweep(["select", "poll"], 5, repeats=2, duration=0.1, warmup=0.05, progress=False)
    ratio = iomux.ratio(frame, "select", "poll", "cpu_us_per_request")
    assert ratio.rounds == 2
    assert ratio.low <= ratio.median <= ratio.high


def test_two_kinds_of_arrivals_are_not_mixed() -> None:
    both = pd.concat([made_up(3).assign(arrivals=kind, rate_per_s=100.0) for kind in ("even", "poisson")])
    with pytest.raises(ValueError, match=r"arrivals has several values, even, poisson: select one, as in frame\["):
        iomux.ratio(both, "poll", "epoll", "p50_us")
    with pytest.raises(ValueError, match=r'frame\["connections"\] == 10\]'):
        iomux.ratio(made_up(3, (1, 10)), "poll", "epoll", "p50_us")
