"""What the folded answers of 14 and 15 say is what their solutions find."""

import pytest

from iomux.solutions.second_pages import redis_evening, web_server


def test_14_1_the_body_of_a_head_is_taken_for_the_next_status_line() -> None:
    assert web_server.exercise_1() == (b"HTTP/1.1 200 OK\r\n", b"hello\n")


def test_14_2_a_head_that_never_ends_is_refused() -> None:
    assert web_server.exercise_2() == (b"HTTP/1.1 431 Request Header Fields Too Large", True)


def test_14_3_the_moment_counts_from_the_first_byte() -> None:
    assert web_server.exercise_3() == ([10.0] * 5, b"HTTP/1.1 408 Request Timeout", True)


def test_15_1_a_parser_that_begins_anew_reads_a_square() -> None:
    hundred, two_hundred = redis_evening.exercise_1(100), redis_evening.exercise_1(200)
    assert 30_000 < hundred < 300_000
    assert two_hundred / hundred == pytest.approx(4, rel=0.1)


def test_15_2_one_that_remembers_reads_a_line() -> None:
    reads, found = redis_evening.exercise_2(100)
    assert found == [b"x"] * 100
    assert reads < 1000


def test_15_3_what_is_only_promised_is_refused() -> None:
    words, size, right = redis_evening.exercise_3()
    assert words == size == "Protocol error: invalid length"
    assert right == str([b"x", b"x"])
