"""Who copies, without io_uring: what is hidden, refused or wrong, and a recorded result that says that it is one."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import iomux
from iomux.harness.copying.who_copies_rounds import measure
from iomux.harness.copying.who_copies_ways import WAYS
from iomux.system.machine import cores
from tests.denied import UNDER_SECCOMP
from tests.harness.test_who_copies import COUNT, HERE, SIZE, URING
from tests.harness.test_who_copies import result as result
from tests.record import COMMAND, RECORDED
from tests.support.figures import texts_outside


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
    watched = result.frame["watched_ms"].fillna(0)
    parts = result.frame.assign(watched_ms=watched, worked_ms=result.frame["helpers_ms"] - watched).groupby("way")
    middle = parts[["user_ms", "system_ms", "worked_ms", "watched_ms"]].median()
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
