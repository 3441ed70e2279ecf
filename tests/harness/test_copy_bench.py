"""The bench below the cost of the copy: each way moves the right bytes, all of which wait before the call."""

import socket
from collections.abc import Iterator

import pytest

from iomux.harness.copying import copy_calls
from iomux.harness.copying.copy_calls import WAYS, CopyBench, Trial
from iomux.harness.copying.copy_rounds import measure
from iomux.system.features import available

needs_trunc = pytest.mark.skipif(
    not available("msg_trunc"), reason="only Linux discards a stream's bytes under MSG_TRUNC"
)


@pytest.fixture
def bench() -> Iterator[CopyBench]:
    """A connection, its memory and its file."""
    made = CopyBench(65536)
    yield made
    made.close()


@pytest.mark.parametrize("how", [how for how, known in WAYS.items() if not known.needs or available(known.needs)])
@pytest.mark.parametrize("size", [1, 4096, 65536])
def test_every_way_moves_every_byte_to_where_it_belongs(bench: CopyBench, how: str, size: int) -> None:
    trial = WAYS[how].way(bench, size)
    bench.wipe(size)
    assert trial.ready() == ""
    result = trial.call()
    assert trial.moved(result) == size
    trial.settle(size)
    assert trial.intact(result)
    place = bench.landing if how in ("send", "sendfile") else bench.target
    if how not in ("recv", "recv_into MSG_TRUNC"):
        assert place[:size] == bench.payload[:size]


@needs_trunc
def test_msg_trunc_counts_the_bytes_and_leaves_the_memory_alone(bench: CopyBench) -> None:
    trial = copy_calls.discard(bench, 65536)
    assert trial.ready() == ""
    bench.target[:65536] = b"\xaa" * 65536
    assert trial.call() == 65536
    assert not trial.intact(65536), "the check of the measurement must notice that this memory was not written"
    assert bench.target[:65536] == b"\xaa" * 65536
    assert bench.loopback.waiting() == 65536, "and they are still in the kernel"
    link = bench.loopback
    assert link.near.recv_into(bench.target, 65536, socket.MSG_TRUNC) == 65536, "taken, they are gone unseen, too"
    assert bench.target[:65536] == b"\xaa" * 65536
    assert link.waiting() == 0


def test_an_unaligned_destination_gets_the_same_bytes(bench: CopyBench) -> None:
    trial = copy_calls.recv_into(bench, 4096, offset=8)
    bench.wipe(4096)
    assert trial.ready() == ""
    assert trial.call() == 4096
    assert bench.target[:8] == bytes(8)
    assert bench.target[8 : 8 + 4096] == bench.payload[:4096]


def test_all_bytes_wait_before_the_call_whatever_waited_before(bench: CopyBench) -> None:
    for size in (10, 65536, 1):
        assert bench.loopback.hold(bench.payload[:size]) == ""
        assert bench.loopback.waiting() == size
        bench.loopback.take(size)
        assert bench.landing[:size] == bench.payload[:size]
        assert bench.loopback.waiting() == 0


def test_bytes_that_are_not_what_was_sent_are_an_error() -> None:
    def wrong(bench: CopyBench, size: int) -> Trial:
        return copy_calls.recv_into(bench, size)._replace(intact=lambda _: False)

    with pytest.raises(RuntimeError, match="wrong of 64 bytes: the bytes in memory"):
        measure({"wrong": wrong}, [64], rounds=1)


def test_a_call_that_falls_short_is_no_sample() -> None:
    calls = iter([7, 7, 7])

    def sometimes(bench: CopyBench, size: int) -> Trial:
        trial = copy_calls.memcpy(bench, size)
        return trial._replace(moved=lambda _: next(calls, size))

    seen = measure({"never": lambda b, s: copy_calls.memcpy(b, s)._replace(moved=lambda _: 7)}, [64], rounds=2)
    assert not seen.samples["never", 64]
    assert "one call moved 7 of 64 bytes" in seen.reasons["never", 64]
    seen = measure({"sometimes": sometimes}, [64], rounds=2)
    assert len(seen.samples["sometimes", 64]) == 2
    assert seen.reasons["sometimes", 64] == ""
