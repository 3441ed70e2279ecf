"""`iomux.who_copies`: every byte arrives in every way, helpers run on their cores, a recorded result is marked."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import iomux
from iomux.harness.copying.who_copies_ways import WAYS, WaitingBytes
from iomux.processes.worker import run_in_worker
from iomux.servers import get
from iomux.system.machine import cores
from tests.support.clients import eventually

SIZE, COUNT, ROUNDS = 256 * 1024, 8, 3
HERE = [name for name, (_, needs) in WAYS.items() if get(needs).available()]
URING = [name for name, (_, needs) in WAYS.items() if needs == "io_uring"]
needs_io_uring = pytest.mark.skipif(bool(get("io_uring").why_not()), reason=f"io_uring: {get('io_uring').why_not()}")


@pytest.fixture(scope="module")
def result() -> iomux.WhoCopies:
    """A short measurement."""
    return iomux.who_copies(SIZE, COUNT, ROUNDS, progress=False)


@pytest.fixture
def bench() -> Iterator[WaitingBytes]:
    made = WaitingBytes(SIZE, COUNT)
    yield made
    made.close()


def test_one_row_a_way_and_round(result: iomux.WhoCopies) -> None:
    assert sorted(result.frame["way"] + result.frame["round"].astype(str)) == sorted(
        f"{way}{number}" for way in HERE for number in range(ROUNDS)
    )
    assert list(result.table.index) == HERE
    assert (result.frame[["before", "meanwhile", "after"]].sum(axis=1) == COUNT).all()
    assert (result.frame[["user_ms", "system_ms", "helpers_ms", "calls_ms"]] >= 0).all(axis=None)
    assert (result.frame["asked_ms"] < result.frame["computed_ms"]).all()
    assert (result.frame["computed_ms"] <= result.frame["wall_ms"]).all()


def test_each_transfer_was_seen_within_its_round(result: iomux.WhoCopies) -> None:
    both = result.transfers.merge(result.frame, on=["way", "round"])
    assert len(both) == len(HERE) * ROUNDS * COUNT
    assert both["seen_ms"].between(0, both["wall_ms"]).all()
    in_time = (both["seen_ms"] <= both["computed_ms"]).groupby([both["way"], both["round"]]).sum()
    assert in_time.sum() == (COUNT - result.frame["after"]).sum()


@pytest.mark.parametrize("way", ["blocking", "epoll"])
def test_a_synchronous_way_has_all_when_it_has_asked(result: iomux.WhoCopies, way: str) -> None:
    if way not in HERE:
        pytest.skip(f"{way} is not available here")
    rows = result.frame[result.frame["way"] == way]
    assert (rows["before"] == COUNT).all()
    assert (rows["syscalls"] >= COUNT).all()
    assert (rows["helpers_ms"] < 0.5).all(), "there are no other threads"


@needs_io_uring
def test_by_default_one_call_copies_all_and_with_a_helper_the_application_copies_none(result: iomux.WhoCopies) -> None:
    rows = {way: of_it for way, of_it in result.frame.groupby("way")}
    assert (rows["io_uring"]["before"] == COUNT).all()
    assert (rows["io_uring"]["syscalls"] == 1).all()
    assert (rows["io_uring"]["helpers_ms"] < 0.5).all(), "by default no other thread works"
    for way in set(URING) & set(HERE) - {"io_uring"}:
        assert (rows[way]["helpers_ms"] > 0).all(), way
    watched = result.frame["watched_ms"]
    assert (watched[result.frame["way"] != "io_uring SQPOLL"] == 0).all(), "only SQPOLL's thread watches"
    if watched.notna().all():
        assert rows["io_uring SQPOLL"]["watched_ms"].between(0, rows["io_uring SQPOLL"]["helpers_ms"]).all()
    assert (rows["io_uring SQPOLL"]["syscalls"] <= 2).all()


def fill_half(bench: WaitingBytes, half: slice) -> None:
    for number, link in enumerate(bench.links):
        data = memoryview(bench._sent)[number : number + bench.size][half]
        assert link.far.send(data) == len(data)


@pytest.mark.parametrize("way", HERE)
def test_a_transfer_in_pieces_is_continued(bench: WaitingBytes, way: str) -> None:
    made = WAYS[way][0](bench, cores())
    try:
        fill_half(bench, slice(0, SIZE // 2))
        late = threading.Timer(0.1, fill_half, [bench, slice(SIZE // 2, None)])
        late.start()
        seen = [0] * COUNT
        made.prepare()
        made.ask(seen)
        made.look(seen)
        made.collect(seen)
        assert bench.intact()
        assert 0 not in seen
        late.join()
    finally:
        made.close()


def test_bytes_that_are_wrong_or_mixed_up_are_noticed(bench: WaitingBytes) -> None:
    assert not bench.fill()
    way = WAYS["blocking"][0](bench, cores())
    way.prepare()
    way.ask([0] * COUNT)
    assert bench.intact()
    bench.buffers[0], bench.buffers[1] = bench.buffers[1], bench.buffers[0]
    assert not bench.intact()
    bench.buffers[0], bench.buffers[1] = bench.buffers[1], bench.buffers[0]
    bench.buffers[3][SIZE - 1] ^= 1
    assert not bench.intact()


@needs_io_uring
@pytest.mark.skipif(len(cores()) < 2, reason="a single core")
def test_helpers_run_on_the_given_cores_and_not_on_the_applications() -> None:
    def where_helpers_run(helpers: list[int]) -> dict[str, list[set[int]]]:
        """By way, the cores of the threads that the way adds to this process."""
        found: dict[str, list[set[int]]] = {}
        for way in ("io_uring IOSQE_ASYNC", "io_uring SQPOLL"):
            before = set(os.listdir("/proc/self/task"))
            bench = WaitingBytes(4096, 4)
            made = WAYS[way][0](bench, helpers)
            bench.fill()
            made.prepare()
            seen = [0] * 4
            made.ask(seen)
            made.collect(seen)
            found[way] = [os.sched_getaffinity(int(task)) for task in set(os.listdir("/proc/self/task")) - before]
            made.close()
            bench.close()
        return found

    *helpers, own = cores()
    found = run_in_worker(where_helpers_run, helpers, core=own, seconds=30, what="the look at the helpers")
    assert all(found.values()), found
    for way, masks in found.items():
        assert all(mask <= set(helpers) for mask in masks), (way, masks)


def workers() -> set[int]:
    """io_uring's workers among the threads of this process; other threads may start or end at any moment."""
    found = set[int]()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # the thread has just ended
            if (task / "comm").read_text().startswith("iou-wrk-"):
                found.add(int(task.name))
    return found


def worker_ns(tid: int) -> int:
    """The processor time of a thread of this process, by its own clock (pthread_getcpuclockid(3), as the C library)."""
    return time.clock_gettime_ns(~tid << 3 | 6)


@needs_io_uring
def test_the_processor_time_of_a_worker_that_has_ended_counts(bench: WaitingBytes) -> None:
    before, worked, own_ns = workers(), dict[int, int](), list[int]()

    def errand() -> None:
        way = WAYS["io_uring IOSQE_ASYNC"][0](bench, cores())
        for _ in range(20):  # 40 MiB: the workers use far more time than the end of a thread
            assert not bench.fill()
            way.prepare()
            seen = [0] * COUNT
            way.ask(seen)
            way.collect(seen)
        worked.update({tid: worker_ns(tid) for tid in workers() - before})
        way.close()
        own_ns.append(time.thread_time_ns())

    others_ns = time.process_time_ns() - time.thread_time_ns()
    other = threading.Thread(target=errand)  # a worker ends with the thread that it works for
    other.start()
    other.join()
    assert eventually(lambda: not workers() & set(worked))
    counted_ns = time.process_time_ns() - time.thread_time_ns() - others_ns - own_ns[0]
    assert worked
    assert counted_ns > 0.9 * sum(worked.values()), "the process's time includes that of threads that have ended"
