"""`iomux.who_copies`: every byte arrives in every way, helpers run on their cores, a recorded result is marked."""

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import iomux
from iomux.harness.copying.who_copies_rounds import measure
from iomux.harness.copying.who_copies_ways import WAYS, WaitingBytes
from iomux.processes.worker import run_in_worker
from iomux.servers import get
from iomux.system.machine import cores
from tests.denied import UNDER_SECCOMP
from tests.record import COMMAND, RECORDED
from tests.support.clients import eventually
from tests.support.figures import texts_outside

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


def test_hidden_ways_are_reported_and_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "io_uring")
    found = iomux.who_copies(SIZE, 2, 1, progress=False)
    assert list(found.table.index) == [way for way in HERE if way not in URING]
    assert list(found.missing) == URING
    for text in (str(found), found._repr_html_()):
        assert "io_uring SQPOLL: not measured: hidden by the environment variable IOMUX_WITHOUT" in text
    for draw in (iomux.plot.who_copies, iomux.plot.overlap):
        assert draw(found).get_yticklabels()
    plt.close("all")


def test_no_remaining_way_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "blocking,epoll,io_uring")
    with pytest.raises(RuntimeError, match="no way is left to measure: hidden by"):
        iomux.who_copies(SIZE, 2, 1, progress=False)


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
def test_an_io_uring_denied_by_seccomp_is_reported() -> None:
    script = "import iomux; print(iomux.who_copies(4096, 2, 1, progress=False))"
    command = [sys.executable, "-m", UNDER_SECCOMP, "1", sys.executable, "-c", script]
    seen = {**os.environ, "IOMUX_WITHOUT": ""}  # denied, not hidden
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=seen, cwd=Path(__file__).parents[2])
    assert "blocking: wall" in done.stdout
    for way in URING:
        assert f"{way}: not measured: io_uring_setup is forbidden" in done.stdout


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"size": 0}, "size is 0: give a whole number, at least 1"),
        ({"repeats": 10**7}, "repeats is 10,000,000: choose at most 1,000"),
        ({"size": 1.5}, "size is 1.5: give a whole number"),
        ({"count": True}, "count is True: give a whole number"),
        ({"count": 5000, "size": 1}, "count is 5,000: choose at most 4,096"),
        ({"repeats": -1}, "repeats is -1: give a whole number"),
        ({"count": 65}, "65 times 4,194,304 bytes are 272,629,760: .* choose at most 268,435,456"),
    ],
)
def test_impossible_arguments_are_a_clear_error(options: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        iomux.who_copies(**options)


def test_what_does_not_fit_into_a_sockets_buffer_is_a_clear_error() -> None:
    with pytest.raises(RuntimeError, match=r"fit in the socket's receive buffer: .* choose a smaller size or count"):
        iomux.who_copies(size=64 << 20, count=1, repeats=1, progress=False)


def test_no_descriptor_is_left_open() -> None:
    before = set(os.listdir("/proc/self/fd"))
    seen = measure(HERE, 4096, 2, 1, 0, cores())
    assert {turn.way for turn in seen.turns} | set(seen.reasons) == set(HERE)
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_recorded_result_says_so_wherever_it_is_shown(result: iomux.WhoCopies, tmp_path: Path) -> None:
    result.save(tmp_path / "kept.json", "2026-11-23, by python -m tests.record at commit 0123456")
    kept = iomux.WhoCopies.load(tmp_path / "kept.json")
    pd.testing.assert_frame_equal(kept.frame, result.frame, atol=1e-3)
    pd.testing.assert_frame_equal(kept.transfers, result.transfers, atol=1e-3)
    assert (kept.size_bytes, kept.count, kept.apart) == (SIZE, COUNT, result.apart)
    mark = f"RECORDED on {result.machine}"
    assert "RECORDED" not in str(result)
    for text in (str(kept), kept._repr_html_()):
        assert f"{mark}, 2026-11-23, by python -m tests.record at commit 0123456; not measured here" in text
    for draw in (iomux.plot.who_copies, iomux.plot.overlap):
        ax = draw(kept)
        assert mark in ax.get_title(loc="left")
        assert any(mark in text.get_text() for text in ax.texts)
        assert not texts_outside(ax)
        assert ax.get_position().width > 0.6, "the text below does not squeeze it"
        assert "RECORDED" not in draw(result).get_title(loc="left")
    plt.close("all")


def test_a_recorded_result_is_complete_and_names_its_origin() -> None:
    kept = iomux.WhoCopies.load(RECORDED)
    assert list(kept.table.index) == list(WAYS)
    assert kept.missing == {}
    assert (kept.size_bytes, kept.count, kept.apart) == (4 << 20, 32, True)
    assert "Linux" in kept.machine
    assert re.match(rf"20\d\d-\d\d-\d\d, by {COMMAND} at commit [0-9a-f]+$", kept.recorded)


@pytest.mark.parametrize("text", ["[]", "{}", "no JSON", '{"frame": {}, "transfers": {}, "recorded": "x"}'])
def test_a_file_that_holds_no_result_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(ValueError, match=r"holds no result of who_copies"):
        iomux.WhoCopies.load(tmp_path / "other.json")


def test_the_figure_is_whole_and_shows_medians(result: iomux.WhoCopies) -> None:
    ax = iomux.plot.who_copies(result)
    widths = {round(patch.get_width(), 6) for patch in ax.patches}  # type: ignore[attr-defined]
    middle = result.frame.groupby("way")[["user_ms", "system_ms", "helpers_ms"]].median()
    assert {round(value, 6) for value in middle.to_numpy().flat} <= widths
    assert ax.get_xlabel() == "ms"
    assert not texts_outside(ax)
    legend = ax.get_legend()
    assert legend is not None
    assert "wall time" in [text.get_text() for text in legend.get_texts()]
    plt.close("all")


def test_the_overlap_is_one_real_round_a_way(result: iomux.WhoCopies) -> None:
    ax = iomux.plot.overlap(result)
    assert len(ax.lines) == len(HERE)
    for line, way in zip(ax.lines, HERE, strict=True):
        x = np.asarray(line.get_xdata(), dtype=float)
        walls = result.frame[result.frame["way"] == way]["wall_ms"]
        assert x[-1] == walls.min()
        seen = result.transfers[result.transfers["way"] == way].groupby("round")["seen_ms"].apply(sorted)
        assert any(np.allclose(x[1:-1], stamps) for stamps in seen)
    assert not texts_outside(ax)
    _, given = plt.subplots()
    assert iomux.plot.overlap(result, given) is given
    plt.close("all")
