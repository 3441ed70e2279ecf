"""The playground's planned requests: an open loop, its latency from the plan, and what is said when it falls behind."""

import pytest

from iomux.lab.live import Setting, Tick
from iomux.lab.live_load import Pulse
from iomux.lab.playground import Playground
from iomux.lab.run import Run


def test_a_plan_decides_how_many_requests_come_and_not_the_clients(lab: Playground) -> None:
    run = lab.choose(active=5, handler_ms=1, rate=40).run(seconds=1.0)
    assert 5 <= run.requests <= 90, (
        "40 on average; five clients that ask again and again are answered hundreds of times"
    )
    assert str(run).startswith("poll, 3 idle + 5 active, handler sleeps 1 ms, 40 requests/s planned: median ")
    assert "bottleneck" not in str(run), "its generator spins between two requests"


def test_latency_counts_from_the_plan_and_what_is_left_waits_for_the_next_tick(lab: Playground) -> None:
    run = lab.choose(active=2, handler_ms=20, rate=500).run(seconds=1.0)
    first, last = (tick.pulse.p50_us for tick in run.ticks)
    assert last > 1.5 * first > 0
    assert last > 3 * 2 * 20_000, "two clients alone would wait for two handlers"
    assert "500 were planned" in str(run)


def run_of(rate: float, requests: int) -> Run:
    pulse = Pulse(1.0, 1.0, requests, 100.0, float("nan"), 0, 0.0, 0, {}, 1.0)
    return Run(Setting("poll", 0, 1, rate=rate), [Tick(pulse, 0.1, "", [])], over=True)


def test_only_more_than_chance_is_said_to_be_behind() -> None:
    assert run_of(100, 60).remarks == []
    assert run_of(100, 40).remarks == ["40 requests a second were answered, 100 were planned"]
    assert run_of(0, 40).remarks == ["the load generator was the bottleneck: the server could do more"]


@pytest.mark.parametrize("rate", [-1, float("nan"), "many", 1e12])
def test_an_impossible_rate_is_refused(lab: Playground, rate: object) -> None:
    with pytest.raises(ValueError, match="rate is"):
        lab.choose(rate=rate)
    assert lab.setting.rate == 0


def test_the_rate_is_a_control(lab: Playground) -> None:
    lab._repr_mimebundle_()
    control = lab._view._controls["rate"]
    assert ("none", 0) in control.options
    control.value = 1_000
    assert lab.setting.rate == 1_000
    lab.choose(rate=123)
    assert control.value == 123
