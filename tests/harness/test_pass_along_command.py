"""`iomux pass-along`: its tables, its errors, and an interrupt."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import iomux
from iomux.servers import pollers
from tests.harness.test_pass_along import frame as frame
from tests.support.clients import DEADLINE, all_gone
from tests.support.commands import busy_children, iomux_command


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"pollers": "threaded"}, "no poller is called 'threaded': choose one of select, poll, epoll"),
        ({"pollers": []}, "no poller was named"),
        ({"pairs": []}, "pairs is"),
        ({"pairs": 0}, "pairs is"),
        ({"pairs": [128, 99]}, "active is 100: choose from 1 to pairs, which is 99"),
        ({"pairs": 128.0}, "pairs is 128.0: give a whole number"),
        ({"pairs": [4, True]}, "pairs has True in it: give whole numbers"),
        ({"pairs": True}, "pairs is True: give a whole number"),
        ({"pairs": None}, "pairs is None: give a whole number"),
        ({"active": True}, "active is True: give a whole number"),
        ({"writes": True}, "writes is True: give a whole number"),
        ({"runs": True}, "runs is True: give a whole number"),
        ({"active": 0}, "active is 0"),
        ({"writes": -1}, "writes is -1"),
        ({"writes": 10**9}, "writes is 1000000000"),
        ({"runs": 0}, "runs is 0"),
        ({"runs": 10**6}, "runs is 1000000"),
    ],
)
def test_impossible_arguments_are_a_clear_error(options: dict[str, Any], error: str) -> None:
    with pytest.raises((ValueError, LookupError), match=error):
        iomux.pass_along(**options)


def test_the_command_prints_a_table_with_the_limits(tmp_path: Path) -> None:
    csv, png = tmp_path / "rows.csv", tmp_path / "ring.png"
    done = iomux_command("bench", "select", "poll", "--ring", "600,5,20", "--csv", str(csv), "--plot", str(png))
    assert done.returncode == 0, done.stderr
    assert {"median_us", "least_us", "greatest_us"} <= set(done.stdout.splitlines()[0].split())
    assert done.stdout.splitlines()[1].split()[:4] == ["poll", "600", "5", "20"]
    assert "select with 600 pairs: select cannot watch" in done.stdout
    assert "measured on" in done.stdout
    assert len(csv.read_text().splitlines()) == 1 + 25 + 1
    assert png.read_bytes().startswith(b"\x89PNG")


def test_the_command_takes_every_poller_by_default_and_prints_raw_rows_as_json() -> None:
    rows: list[dict[str, Any]] = json.loads(iomux_command("bench", "--ring", "8,2,5", "--json").stdout)
    assert list(dict.fromkeys(row["poller"] for row in rows)) == pollers.names()
    assert [row["run"] for row in rows if row["poller"] == "poll"] == list(range(25))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ring", "8,2"], "is no ring: write it as 128,100,1000"),
        (["--ring", "8,2,x"], "is no ring"),
        (["--ring", "8,9,5"], "active is 9: choose from 1 to pairs"),
        (["threaded", "--ring", "8,2,5"], "no poller is called 'threaded'"),
        (["poll", "--ring", "8,2,5", "--rate", "5"], "--rate is for loading servers"),
        (["poll", "--ring", "8,2,5", "--size", "64"], "--size is for loading servers"),
        (["poll", "--ring", "8,2,5", "--plot", "x.xyz"], "is no picture"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(arguments: list[str], message: str) -> None:
    done = iomux_command("bench", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr


def test_an_interrupt_ends_quietly_and_leaves_nothing_behind() -> None:
    command = [sys.executable, "-m", "iomux", "bench", "poll", "--ring", "2000,1,1000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bench:
        started = busy_children(bench, 1)
        bench.send_signal(signal.SIGINT)
        out, err = bench.communicate(timeout=DEADLINE)
    assert (bench.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert all_gone(started)


def test_an_interrupt_reports_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str, *_: object) -> tuple[list[float], str]:
        if name == "poll":
            raise KeyboardInterrupt
        return [1.0], ""

    monkeypatch.setattr("iomux.harness.pass_along._measure", interrupted)
    with pytest.raises(KeyboardInterrupt, match="1 of 2 rings were done: sys") as caught:
        iomux.pass_along(["select", "poll"], pairs=4, active=1, writes=4, progress=False)
    frame = caught.value.frame  # type: ignore[attr-defined]
    assert list(frame["poller"]) == ["select"]
    assert frame.attrs["partial"] is True
