"""Percentiles: one estimator, an interval that holds what it says, and no figure where there are too few samples."""

from array import array
from math import isnan, nan
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

import iomux
from iomux.harness.load.percentiles import SHARES, interval, needed, percentile
from iomux.harness.load.plan import Plan
from iomux.harness.load.result import LoadResult, summarize
from iomux.harness.load.rounds import of_rounds
from iomux.lab import live_load
from tests.support.commands import iomux_command


def of_samples(count: int, lost: int = 0) -> LoadResult:
    """The result of that many samples, 1, 2, 3, ... µs, and of others that were planned and had no reply."""
    asked = Plan(("127.0.0.1", 1), 1, 1, 64, 1.0, 0.0, None, 1.0, None, False)
    samples = array("q", [number * 1000 for number in range(1, count + 1)])
    seen: dict[str, Any] = {"response_ns": samples, "service_ns": samples, "late_ns": array("q"), "seconds": 2.0}
    seen |= {"connect_s": 0.0, "unserved": 0, "errors": {}, "server_cpu": None, "server_cpu_share": None}
    return summarize(asked, seen | {"server_switches": None, "generator_cpu_share": 0.1, "lost": lost})


@pytest.mark.parametrize(("name", "least"), [("p50", 1), ("p90", 100), ("p99", 1000), ("p999", 10_000)])
def test_a_percentile_needs_ten_samples_above_it(name: str, least: int) -> None:
    share = SHARES[name]
    assert needed(share) == least
    assert isnan(percentile(range(least - 1), share))
    value = percentile(range(least), share)
    assert not isnan(value)
    assert name == "p50" or sum(number > value for number in range(least)) == 10
    assert isnan(interval(range(least - 1), share)[0])


@pytest.mark.parametrize("count", [1, 2, 7, 100, 999, 1000, 12_345])
@pytest.mark.parametrize("share", list(SHARES.values()))
def test_it_is_the_nearest_rank_as_numpy_has_it_and_lies_in_its_interval(count: int, share: float) -> None:
    samples = np.sort(np.random.default_rng(count).exponential(size=count))
    value = percentile(samples, share)
    if count < needed(share):
        assert isnan(value)
        return
    assert value == np.percentile(samples, 100 * share, method="inverted_cdf")
    low, high = interval(samples, share)
    assert low <= value <= high or (isnan(low) and count < 6)


@pytest.mark.parametrize("name", ["p50", "p90", "p99"])
def test_of_many_draws_the_interval_contains_the_truth_in_95_percent(name: str) -> None:
    """Of independent samples of a known distribution: that is mathematics, and no timing."""
    share, random = SHARES[name], np.random.default_rng(18)
    truth = -np.log(1 - share)
    draws = np.sort(random.exponential(size=(500, max(1000, 10 * needed(share)))))
    held = [low <= truth <= high for low, high in (interval(draw, share) for draw in draws)]
    assert 0.92 < np.mean(held) < 0.98


def test_a_result_has_the_intervals_and_its_row_has_them_in_columns() -> None:
    result = of_samples(10_000)
    assert (result.p50_us, result.p90_us, result.p99_us, result.p999_us) == (5000, 9000, 9900, 9990)
    assert result.intervals_us["p50"] == (4902, 5099)
    assert result.intervals_us["p999"] == (9983, 9997)
    row = result.row()
    assert (row["p50_low_us"], row["p50_high_us"]) == (4902, 5099)
    assert "intervals_us" not in row


def test_what_has_too_few_samples_is_no_figure_and_says_why() -> None:
    result = of_samples(344)
    assert isnan(result.p99_us)
    assert isnan(result.p999_us)
    assert result.intervals_us["p99"] == pytest.approx((nan, nan), nan_ok=True)
    assert result.max_us == 344
    text = str(result)
    assert "median 172 µs (" in text
    assert "90 % 310 (" in text
    assert "slowest 344" in text
    assert "\ntoo few requests: 99 % needs 1,000, 99.9 % needs 10,000" in text
    assert "nan" not in text


def test_a_request_without_a_reply_took_longer_than_any_that_has_one() -> None:
    some, most = of_samples(800, lost=200), of_samples(38, lost=162)
    assert some.p50_us == 500, "not 400: the lost ones lie above"
    assert some.intervals_us["p50"] == (469, 532)
    assert isnan(some.p90_us)
    assert "\nnot known: 90 %, 99 %, since 200 of 1,000 requests had no reply\ntoo few requests: 99.9 %" in str(some)
    assert isnan(most.p50_us)
    assert str(most).splitlines()[2] == "slowest 38.0 µs"
    assert some.row()["lost"] == 200


@pytest.mark.parametrize("share", list(SHARES.values()))
def test_what_is_not_lost_has_the_percentiles_that_it_would_have_if_all_had_come(share: float) -> None:
    whole = np.sort(np.random.default_rng(19).exponential(size=20_000))
    for lost in (0, 1, 150, 12_000):
        value, ends = percentile(whole[: 20_000 - lost], share, lost), interval(whole[: 20_000 - lost], share, lost)
        assert value == percentile(whole, share) or (isnan(value) and lost >= 20_000 * (1 - share))
        assert ends == interval(whole, share) or (isnan(ends[0]) and isnan(ends[1]))


@pytest.mark.parametrize("count", [0, 1, 5])
def test_with_hardly_any_sample_there_is_no_interval(count: int) -> None:
    text = str(of_samples(count))
    assert "nan" not in text
    assert "in brackets" not in text
    assert ("slowest" in text) == (count > 0)


def test_a_short_sweep_has_nan_where_a_percentile_is_not_known() -> None:
    frame = iomux.sweep("poll", 1, repeats=1, duration=0.2, rate=200, warmup=0, progress=False)
    row = frame.iloc[0]
    assert row["reason"] == ""
    assert row["p50_us"] > 0
    assert row["p50_low_us"] <= row["p50_us"] <= row["p50_high_us"]
    assert np.isnan(row["p99_us"])
    assert np.isnan(row["p99_low_us"])


def test_bench_says_where_a_percentile_is_not_known() -> None:
    done = iomux_command("bench", "poll", "--connections", "1", "--repeats", "2", "--duration", "0.2", "--rate", "100")
    assert done.returncode == 0
    assert "nan" not in done.stdout.lower()
    assert "in 2 of 2 runs there were too few requests for a p99, which needs 1,000\n" in done.stdout


def test_a_figure_of_what_no_run_knows_is_refused_in_words() -> None:
    frame = iomux.sweep("poll", [1, 3], repeats=1, duration=0.1, rate=100, warmup=0, progress=False)
    with pytest.raises(ValueError, match="no run has a p99_us: there were too few requests for it: measure for longer"):
        iomux.plot.latency(frame, column="p99_us")
    with pytest.raises(ValueError, match="no run has a cpu_us_per_request: it is not seen of servers that were not"):
        iomux.plot.cpu(frame.assign(cpu_us_per_request=nan))
    with pytest.raises(ValueError, match="no run has a p50_us: FD_SETSIZE"):
        iomux.plot.latency(frame.assign(p50_us=nan, reason="FD_SETSIZE"))
    with pytest.raises(ValueError, match=r"the frame has no column 'p42_us': give a frame of iomux.sweep"):
        iomux.plot.latency(frame, column="p42_us")


def test_the_playground_does_not_see_one_of_two_clients_only() -> None:
    by_turns = array("q", [100, 1000] * 2500)
    assert percentile(live_load._some_sorted(by_turns), 0.99) == 1000
    assert live_load._some_sorted(array("q", [3, 1, 2])) == [1, 2, 3]


def test_the_playground_estimates_as_load_does() -> None:
    run = iomux.playground("poll", idle=1).run(seconds=1.0)
    pulses = [tick.pulse for tick in run.ticks]
    assert pulses
    assert all(isnan(pulse.p99_us) == (pulse.requests < needed(0.99)) for pulse in pulses)
    run.ticks[:] = [tick._replace(pulse=tick.pulse._replace(p99_us=nan)) for tick in run.ticks]
    assert isnan(run.p99_us)
    assert str(run).startswith("poll, 1 idle + 1 active: median ")
    assert "99 %" not in str(run)
    iomux.plot.playground([run])
    plt.close("all")


def test_rounds_have_an_interval_from_six_on() -> None:
    assert of_rounds([5, 1, 3, 2, 4]) == (3, 1, 5, "least to greatest of 5 rounds")
    assert of_rounds([5, 1, 3, 2, 4, 6]) == (3.5, 1, 6, "95 % interval of the median, 6 rounds")
    assert of_rounds(range(1, 16)) == (8, 4, 12, "95 % interval of the median, 15 rounds")
