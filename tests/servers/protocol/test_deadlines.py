"""One heap of deadlines: an entry for each descriptor, looked at lazily."""

from iomux.servers.protocol.deadlines import Deadlines


def test_each_that_is_due_is_found_once_in_its_order() -> None:
    due = {1: 3.0, 2: 1.0, 3: 2.0}
    deadlines = Deadlines()
    for fd, at in due.items():
        deadlines.note(fd, at)
    assert deadlines.expired(2.0, due.get) == [2, 3]
    assert deadlines.expired(2.0, due.get) == []
    assert deadlines.next == 3.0


def test_a_deadline_that_moved_to_later_is_looked_at_again_then() -> None:
    due = {1: 1.0}
    deadlines = Deadlines()
    deadlines.note(1, due[1])
    due[1] = 5.0
    assert deadlines.expired(1.0, due.get) == []
    assert deadlines.next == 5.0


def test_one_that_moved_to_earlier_is_found_then_and_only_once() -> None:
    due = {1: 5.0}
    deadlines = Deadlines()
    deadlines.note(1, 5.0)
    due[1] = 1.0
    deadlines.note(1, 1.0)
    assert deadlines.expired(1.0, due.get) == [1]
    assert deadlines.expired(9.0, {1: 20.0}.get) == []


def test_a_client_that_left_is_not_found_and_the_next_one_with_its_number_is_only_when_it_is_due() -> None:
    deadlines = Deadlines()
    deadlines.note(1, 1.0)
    assert deadlines.expired(1.0, lambda fd: None) == []
    deadlines.note(1, 2.0)
    assert deadlines.expired(2.0, {1: 2.0}.get) == [1]


def test_clients_that_come_and_go_leave_one_entry() -> None:
    deadlines = Deadlines()
    for moment in range(1000):
        deadlines.note(1, 60.0 + moment)
    assert len(deadlines._heap) == 1
