"""The playground where something is wrong or missing: settings, descriptors, select's limit, a dead server, widgets."""

from typing import Any

import pytest

import iomux
from iomux.lab.playground import Playground
from iomux.servers import get
from tests.lab.test_playground import controls, wait_for
from tests.support.processes import children

pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: pip install 'iomux-course[lab]'")


def test_more_idle_connections_than_descriptors_are_not_offered(
    lab: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda _: (700, 700))
    offered = [value for _, value in controls(lab)._controls["idle"].options]
    assert max(offered) == 500
    run = lab.choose(idle=5000).run(seconds=0.3)
    assert "5,001 connections need more descriptors than a process may open here (700)" in run.trouble


def test_selects_limit_is_reported_and_the_run_goes_on(lab: Playground) -> None:
    if reason := get("select").why_not():
        pytest.skip(reason)
    run = lab.choose(mechanism="select", idle=1100).run(seconds=1.0)
    assert run.requests > 0
    assert "FD_SETSIZE is 1,024" in run.refused
    view = controls(lab)
    assert "FD_SETSIZE" in view._status.value
    assert "of 1,100 idle connections" in view._status.value


def test_a_server_that_dies_is_reported_in_words(lab: Playground, capsys: pytest.CaptureFixture[str]) -> None:
    view = controls(lab)
    lab.start()
    wait_for(lambda: lab.runs[-1].ticks)
    next(child for child in children() if "iomux.processes.child" in " ".join(child.cmdline())).kill()
    wait_for(lambda: not lab.running)
    assert "the server was ended by SIGKILL" in lab.runs[-1].trouble
    wait_for(lambda: "the server was ended by SIGKILL" in view._status.value)
    assert not children()
    assert capsys.readouterr().err == ""


def test_clients_that_are_never_answered_are_counted(lab: Playground) -> None:
    lab.choose(mechanism="blocking", idle=0, active=2).start()
    wait_for(lambda: "1 of 2 active clients was never answered" in lab.runs[-1].remarks)
    slow = lab.choose(mechanism="poll", active=1, handler_ms=1000).run(seconds=0.2)
    assert "no answer came" in str(slow)


def test_a_run_reports_what_this_machine_lacks(lab: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "poll")
    assert "poll is not available here: hidden" in lab.run(seconds=0.3).trouble


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ({"mechanism": "kqueue"}, LookupError, "no server is called 'kqueue'"),
        ({"idle": -1}, ValueError, "idle is -1"),
        ({"active": 0}, ValueError, "active is 0: choose 1 or more"),
        ({"active": 0, "idle": 0}, ValueError, "active is 0: choose 1 or more"),
        ({"idle": "many"}, ValueError, "idle is 'many'"),
        ({"size": 0}, ValueError, "size is 0"),
        ({"handler_ms": 5000}, ValueError, "handler_ms is 5000"),
        ({"speed": 3}, TypeError, "speed: there is no such setting"),
    ],
)
def test_impossible_settings_are_refused(lab: Playground, wrong: Any, error: type[Exception], said: str) -> None:
    before = lab.setting
    with pytest.raises(error, match=said):
        lab.choose(**wrong)
    assert lab.setting == before


@pytest.mark.parametrize("seconds", [0, 61, "3"])
def test_a_run_is_bounded(lab: Playground, seconds: Any) -> None:
    with pytest.raises(ValueError, match="seconds is"):
        lab.start(seconds)


def test_without_widgets_it_says_so_and_runs(lab: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "widgets")
    (said,) = lab._repr_mimebundle_().values()
    assert said.startswith("no controls here: hidden")
    assert "\n" not in said
    assert "lab.run(" in said
    assert lab.run(seconds=0.3).requests > 0
    assert not iomux.doctor().loc["widgets", "available"]


def test_without_ipywidgets_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (said,) = iomux.playground("blocking")._repr_mimebundle_().values()
    assert "pip install 'iomux-course[lab]'" in said
