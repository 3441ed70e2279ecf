"""The solutions of notebooks 04 and 05: each is run, and shows what the folded answer says, with a wide margin."""

import select

import pytest

import iomux
from iomux.solutions import poll_, select_


def test_04_1_a_server_that_always_watches_for_writing_never_sleeps() -> None:
    shares = select_.exercise_1()
    assert shares["page"] < shares["always writing"] / 5
    assert shares["always writing"] > 0.05


@pytest.mark.skipif(not iomux.choose("select", connections=1_100), reason="too few descriptors")
def test_04_2_clients_beyond_fd_setsize_are_closed_and_the_others_are_served() -> None:
    assert select_.exercise_2().endswith("turned away; of 10 active ones 0 not served")


def test_04_3_all_other_clients_receive_a_message() -> None:
    assert select_.exercise_3() == {"ann": b"", "bob": b"hello", "eve": b"hello"}


def test_04_3_a_member_that_never_reads_costs_no_more_than_its_limit() -> None:
    assert select_.exercise_3_memory(float("inf")) > 8
    assert select_.exercise_3_memory(1 << 20) < 6


def test_04_4_messages_are_found_in_whatever_pieces_they_arrive() -> None:
    spoken = [b"o", b"ne\ntwo\nth", b"", b"ree\n"]
    assert select_.exercise_4(spoken, select_.lines) == [[], [b"one", b"two"], [], [b"three"]]
    packed = select_.LENGTH.pack(3) + b"one" + select_.LENGTH.pack(0) + select_.LENGTH.pack(4) + b"four"
    for cut in range(len(packed)):
        found = select_.exercise_4([packed[:cut], packed[cut:]], select_.packets)
        assert [message for each in found for message in each] == [b"one", b"", b"four"]


def test_04_4_a_message_without_an_end_is_not_kept() -> None:
    with pytest.raises(ValueError, match="more than 8 bytes"):
        select_.lines(bytearray(b"123456789"), most=8)
    with pytest.raises(ValueError, match="4294967295 bytes is announced"):
        select_.packets(bytearray(b"\xff\xff\xff\xff"))


def test_05_1_requesting_pollhup_changes_nothing() -> None:
    answers = poll_.exercise_1()
    assert answers == {"in order": ("POLLIN",) * 2, "reset": ("POLLIN POLLHUP POLLERR",) * 2}


@pytest.mark.skipif(not hasattr(select, "POLLRDHUP"), reason="POLLRDHUP is missing here")
def test_05_2_the_end_is_reported_before_the_last_bytes_are_read() -> None:
    told = poll_.exercise_2()
    assert told.pop("last words") == "POLLIN"
    assert told == dict.fromkeys(("no more", "read", "read to the end"), "POLLIN POLLRDHUP")


def test_05_3_a_limit_for_the_whole_line_ends_who_never_ends_it() -> None:
    kept = poll_.exercise_3()
    assert kept["page"] >= 0.9
    assert 0.2 < kept["by line"] < 0.8
