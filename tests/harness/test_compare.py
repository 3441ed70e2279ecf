"""Two saved sweeps: what is told faster or slower, what is not, and the files that can't be compared."""

import json
from math import isnan, nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iomux.cli.saved import read, save
from iomux.harness.compare import changes
from tests.support.commands import iomux_command


def made_up(factor: float, rounds: int, seed: int, spread: float = 0.05, rate: float = nan) -> pd.DataFrame:
    """A sweep of two servers at two levels; rounds differ by some 5 %."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        [
            {
                **{"server": server, "connections": level, "active": 1, "size_bytes": 64, "rate_per_s": rate},
                **{"arrivals": "poisson" if rate > 0 else nan, "repeat": repeat, "reason": "", "p99_us": nan},
                "p50_us": 100 * factor * float(random.lognormal(0, spread)),
                "requests_per_s": 1000 / factor * float(random.lognormal(0, spread)),
            }
            for repeat in range(rounds)
            for level in (1, 100)
            for server in ("poll", "epoll")
        ]
    )
    frame.attrs.update(machine="a machine", active=1, notes={}, partial=False)
    return frame


@pytest.mark.parametrize("column", ["p50_us", "requests_per_s"])
@pytest.mark.parametrize(("factor", "verdict"), [(0.5, "faster"), (2, "slower")])
def test_a_change_is_told_with_its_interval(factor: float, verdict: str, column: str) -> None:
    found = changes(made_up(1, 5, 1), made_up(factor, 5, 2), column)
    assert [(change.server, change.connections) for change in found] == [
        ("poll", 1),
        ("epoll", 1),
        ("poll", 100),
        ("epoll", 100),
    ]
    assert {change.verdict for change in found} == {verdict}
    times = factor if column == "p50_us" else 1 / factor
    assert all(change.low <= change.ratio <= change.high for change in found)
    assert all(0.8 < change.ratio / times < 1.25 for change in found)


def test_no_change_is_not_told_more_often_than_it_may_be() -> None:
    """Forty comparisons of the same thing: 5 % are 2."""
    told = [
        change.verdict != "not to be told"
        for seed in range(10)
        for change in changes(made_up(1, 8, seed), made_up(1, 8, 100 + seed))
    ]
    assert len(told) == 40
    assert sum(told) <= 6


@pytest.mark.parametrize(
    ("rounds", "told"), [((3, 3), False), ((4, 4), True), ((3, 5), True), ((1, 9), False), ((1, 40), False)]
)
def test_too_few_rounds_tell_nothing(rounds: tuple[int, int], told: bool) -> None:
    change = changes(made_up(1, rounds[0], 1), made_up(3, rounds[1], 2))[0]
    assert change.verdict == ("slower" if told else "not to be told: too few rounds")
    assert isnan(change.low) != told
    assert change.rounds == rounds


def test_what_was_not_measured_is_not_told() -> None:
    after = made_up(1, 5, 2)
    after.loc[after["server"] == "epoll", "p50_us"] = nan
    verdicts = {change.server: change.verdict for change in changes(made_up(1, 5, 1), after)}
    assert verdicts["epoll"] == "not to be told: not measured in one of them"


def test_only_the_same_setting_is_compared() -> None:
    with pytest.raises(ValueError, match="no server in common at the same connections, active, size and rate"):
        changes(made_up(1, 5, 1), made_up(1, 5, 2, rate=500.0))
    assert changes(made_up(1, 5, 1, rate=500.0), made_up(1, 5, 2, rate=500.0))
    with pytest.raises(ValueError, match=r"no column 'p42_us' of numbers: did you mean p99_us\? choose from connec"):
        changes(made_up(1, 5, 1), made_up(1, 5, 2), "p42_us")


def test_a_saved_sweep_is_read_back_as_it_was(tmp_path: Path) -> None:
    frame = made_up(1, 4, 1)
    save(frame, tmp_path / "a.json")
    again = read(tmp_path / "a.json")
    pd.testing.assert_frame_equal(again, frame, check_dtype=False)
    assert again.attrs == frame.attrs
    assert again["p99_us"].dtype == float


def files(folder: Path, before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    for name, frame in (("a.json", before), ("b.json", after)):
        save(frame, folder / name)
    return [str(folder / "a.json"), str(folder / "b.json")]


def test_compare_prints_a_line_for_each_server_and_level(tmp_path: Path) -> None:
    done = iomux_command("compare", *files(tmp_path, made_up(1, 5, 1), made_up(2, 5, 2)))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "server connections  after / before, p50_us"
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["poll", "1"],
        ["epoll", "1"],
        ["poll", "100"],
        ["epoll", "100"],
    ]
    assert all(line.endswith("slower, 5 and 5 rounds") for line in lines[1:5])
    assert "of 4 comparisons one in twenty is told by chance" in done.stdout
    assert "the machine may have changed in between: measure the first once more" in done.stdout
    assert lines[-1] == "measured on a machine"


def test_compare_warns_of_another_machine_and_of_a_partial_sweep(tmp_path: Path) -> None:
    after = made_up(1, 5, 2)
    after.attrs.update(machine="another", partial=True)
    after = after[after["server"] == "poll"].assign(doubts=["", "late"] * 5)
    done = iomux_command("compare", *files(tmp_path, made_up(1, 5, 1), after))
    assert done.returncode == 0
    assert "warning: they were measured on different machines: a machine; another\n" in done.stderr
    assert "warning: one of them was interrupted" in done.stderr
    assert "warning: 5 of 10 runs are in doubt: see the column doubts" in done.stderr
    assert "in one of the files only, and not compared: 2\n" in done.stdout


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"\xff\xfe\x00", b'{"rows": []}', b'{"rows": [3]}', b"a,b\n1,2"]
)
def test_a_wrong_file_is_one_sentence_and_status_2(content: bytes, tmp_path: Path) -> None:
    right, wrong = files(tmp_path, made_up(1, 4, 1), made_up(1, 4, 1))
    Path(wrong).write_bytes(content)
    for pair in ([right, wrong], [wrong, right]):
        done = iomux_command("compare", *pair)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert f"{wrong} is no saved sweep: write one by iomux bench NAME --save b.json" in done.stderr


def test_a_missing_file_and_a_column_that_is_not_there(tmp_path: Path) -> None:
    pair = files(tmp_path, made_up(1, 4, 1), made_up(1, 4, 1))
    done = iomux_command("compare", pair[0], str(tmp_path / "none.json"))
    assert (done.returncode, done.stderr) == (
        2,
        f"iomux compare: no such file or directory: {tmp_path / 'none.json'}\n",
    )
    done = iomux_command("compare", *pair, "--column", "p42_us")
    assert done.returncode == 2
    assert "no column 'p42_us' of numbers" in done.stderr


def test_bench_saves_what_compare_reads(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        options = ["--connections", "2", "--repeats", "2", "--duration", "0.1", "--save", str(tmp_path / name)]
        assert iomux_command("bench", "poll", *options).returncode == 0
    assert json.loads((tmp_path / "a.json").read_text())["rows"][0]["server"] == "poll"
    done = iomux_command("compare", str(tmp_path / "a.json"), str(tmp_path / "b.json"), "--column", "p99_us")
    assert done.returncode == 0, done.stderr
    assert "not to be told" in done.stdout
    done = iomux_command("bench", "--ring", "8,2,10", "--save", str(tmp_path / "c.json"))
    assert done.returncode == 2
    assert "--save is for sweeps of servers" in done.stderr
