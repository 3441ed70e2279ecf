"""The solutions of 10 to 13 do what their folded answers say."""

from iomux.solutions import (
    coroutines,
    coursework,
    playground,
    when_it_breaks,
)
from tests.solutions.test_solutions_07_12 import need


class TestCoroutines:
    def test_straight_line_code_changes_least(self) -> None:
        found = coroutines.exercise_1()
        assert {heard for heard, _ in found.values()} == {b"welcome, ada of london"}
        assert {style: lines for style, (_, lines) in found.items()} == {"callbacks": 6, "generators": 3, "async": 3}

    def test_a_silent_visitor_is_disconnected(self) -> None:
        found = coroutines.exercise_2()
        assert found["ada"][0] == b"name? welcome, ada"
        assert found["nobody"][0] == b"name? too late"
        assert found["nobody"][1] >= coroutines.PATIENCE_SECONDS

    def test_in_every_style_one_of_two_waits_for_the_other(self) -> None:
        waits = coroutines.exercise_3()
        assert len(waits) >= 3
        assert (waits.min(axis=1) >= 50).all()
        assert (waits.max(axis=1) >= 75).all(), "100, less the time between the two requests"


class TestWhenItBreaks:
    def test_a_greedy_drain_starves_the_others(self) -> None:
        found = when_it_breaks.exercise_1()
        assert found["with the bug"].failed == ("flood",)
        assert found["fixed"].passed

    def test_the_fixed_tutorial_passes(self) -> None:
        assert when_it_breaks.exercise_2().passed

    def test_a_pool_held_by_silent_clients_sleeps_and_answers_no_other(self) -> None:
        meter, heard = when_it_breaks.exercise_3()
        assert heard == [""]
        assert meter["cpu_percent"].tail(4).median() < 10


class TestCoursework:
    def test_the_kernel_buffers_bytes_for_a_silent_member_too(self) -> None:
        assert coursework.exercise_1() > 1

    def test_a_planted_fault_is_found_by_its_item(self) -> None:
        poll, room = coursework.exercise_2()
        assert poll.failed == ("leaving",)
        assert room.failed == ("memory",)

    def test_a_fault_that_no_item_finds(self) -> None:
        report, answer = coursework.exercise_3()
        assert report.passed
        assert answer == b""

    def test_whole_lines_are_passed_on_and_the_room_is_tried_with_lines(self) -> None:
        report, heard = coursework.exercise_4()
        assert heard == [b"good day\n", b"how are you?\n"]
        assert report.passed


class TestPlayground:
    def test_a_large_message_costs_both_alike_and_much(self) -> None:
        need("poll", "epoll")

        paid = playground.exercise_1()
        assert 1 / 3 < paid["poll", 1 << 20] / paid["epoll", 1 << 20] < 3
        assert paid["epoll", 1 << 20] > 5 * paid["epoll", 64]

    def test_poll_costs_more_with_more_idle_connections(self) -> None:
        need("poll", "epoll")

        paid = playground.exercise_2(idle=(0, 2_000))
        assert paid[2_000] > 2 * paid[0]

    def test_blocking_never_answers_the_second_client(self) -> None:
        said = playground.exercise_3()
        assert not any("never answered" in remark for remark in said[1])
        assert "1 of 2 active clients was never answered" in said[2]

    def test_in_a_loop_each_waits_for_most_handlers_and_in_a_thread_for_one(self) -> None:
        need("epoll")

        slopes = playground.exercise_4(delays_ms=(2, 20))
        assert slopes["epoll"] > 3 * slopes["threaded"]
