"""The clinic's queue that is copied at each send: only its work shows the bug, so the work is counted, in bytes."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from iomux.course.clinic.loop import Client
from iomux.course.clinic.resources import quadratic_queue


class Counted(bytearray):
    """Bytes that count how many of them were copied by slices."""

    copied = 0

    def __getitem__(self, key: Any) -> Any:
        found = Counted(super().__getitem__(key))
        Counted.copied += len(found)
        return found


@pytest.mark.parametrize(("step", "growth"), [("send_owed", 4), ("cured_send_owed", 2)])
def test_only_with_the_bug_twice_the_answer_is_copied_four_times_as_often(step: str, growth: int) -> None:
    def copied(pieces: int) -> int:
        Counted.copied = 0
        client = Client(cast(Any, SimpleNamespace(send=len)), Counted(pieces * quadratic_queue.PIECE_BYTES))
        while client.owed:
            getattr(quadratic_queue, step)(client)
        return Counted.copied

    assert copied(128) / copied(64) == pytest.approx(growth, abs=0.2)
