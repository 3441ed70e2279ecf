"""The canteen: the guest of each restaurant does what was worked out by hand, and the figure shows it."""

from itertools import pairwise

import pytest

import iomux
from iomux.course.canteen import (
    ASK_MINUTES,
    FETCH_MINUTES,
    RESTAURANTS,
    Span,
    blocking,
    called,
    cook,
    minutes,
    nonblocking,
    served,
    visit,
)

READY = [3.0, 1.0, 1.2]
MANY = cook(200, seed=3)


def test_blocking_stands_at_the_first_counter_while_others_are_ready() -> None:
    assert blocking(READY) == [
        Span("guest", "waiting", 0, 3, 0),
        Span("guest", "fetching", 3, 3.5, 0),
        Span("guest", "fetching", 3.5, 4, 1),
        Span("guest", "fetching", 4, 4.5, 2),
    ]


def test_called_is_free_until_a_dish_is_ready_and_fetches_in_that_order() -> None:
    assert called(READY) == [
        Span("guest", "free", 0, 1),
        Span("guest", "fetching", 1, 1.5, 1),
        Span("guest", "fetching", 1.5, 2, 2),
        Span("guest", "free", 2, 3),
        Span("guest", "fetching", 3, 3.5, 0),
    ]


def test_served_lets_the_waiter_carry_the_dishes() -> None:
    assert served(READY) == [
        Span("guest", "free", 0, 3.5),
        Span("waiter", "fetching", 1, 1.5, 1),
        Span("waiter", "fetching", 1.5, 2, 2),
        Span("waiter", "fetching", 3, 3.5, 0),
    ]


def test_nonblocking_asks_until_it_has_all() -> None:
    assert nonblocking([0.4, 0.1]) == [
        Span("guest", "asking", 0, 0.25, 0),
        Span("guest", "asking", 0.25, 0.5, 1),
        Span("guest", "fetching", 0.5, 1, 1),
        Span("guest", "asking", 1, 1.25, 0),
        Span("guest", "fetching", 1.25, 1.75, 0),
    ]


@pytest.mark.parametrize("name", RESTAURANTS)
def test_every_dish_is_fetched_once_and_not_before_it_is_ready(name: str) -> None:
    spans = RESTAURANTS[name](MANY)
    fetched = [span for span in spans if span.doing == "fetching"]
    assert sorted(span.dish for span in fetched) == list(range(200))
    assert all(span.begin >= MANY[span.dish] for span in fetched)
    assert all(span.end - span.begin == pytest.approx(FETCH_MINUTES) for span in fetched)


@pytest.mark.parametrize("name", RESTAURANTS)
def test_spans_of_one_person_do_not_overlap_and_the_guest_has_no_gap(name: str) -> None:
    spans = RESTAURANTS[name](MANY)
    for who in {span.who for span in spans}:
        own = [span for span in spans if span.who == who]
        assert all(later.begin >= earlier.end - 1e-9 for earlier, later in pairwise(own))
    guest = [span for span in spans if span.who == "guest"]
    assert sum(span.end - span.begin for span in guest) == pytest.approx(max(span.end for span in spans))


def test_the_same_seed_gives_the_same_times() -> None:
    assert cook(5, seed=1) == cook(5, seed=1) != cook(5, seed=2)
    assert 4 < sum(cook(2000, mean_minutes=5)) / 2000 < 6
    with pytest.raises(ValueError, match="order at least one"):
        cook(0)


def test_minutes_are_summed_by_activity() -> None:
    table = minutes(visit(READY))
    assert list(table.index) == list(RESTAURANTS)
    assert table.loc["blocking"].to_dict() == {"waiting": 3, "asking": 0, "fetching": 1.5, "free": 0, "all": 4.5}
    assert table.loc["called"].to_dict() == {"waiting": 0, "asking": 0, "fetching": 1.5, "free": 2, "all": 3.5}
    assert table.loc["served"].to_dict() == {"waiting": 0, "asking": 0, "fetching": 0, "free": 3.5, "all": 3.5}
    asked = float(table["asking"]["nonblocking"])
    assert asked > 0
    assert asked % ASK_MINUTES == 0


def test_the_figure_has_a_lane_for_each_person() -> None:
    frame = visit(READY)
    ax = iomux.plot.canteen(frame)
    lanes = [label.get_text() for label in ax.get_yticklabels()]
    assert lanes == ["blocking", "nonblocking", "called", "served", "served: the waiter"]
    assert len(ax.patches) == len(frame)
    assert list(ax.lines[0].get_xdata()) == READY  # type: ignore[arg-type]
