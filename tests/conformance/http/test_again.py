"""`iomux.check_http` on faults that an item tries beside its first, and on right servers with strange habits."""

from pathlib import Path

import pytest

from iomux.conformance.http import letting_go, staying
from iomux.conformance.http.site import fill_folder
from iomux.conformance.trial import clients, connecting
from tests.students.web import web_file
from tests.students.web_again import NO_LENGTH, WRONG
from tests.students.web_habits import RIGHT
from tests.support.web import serving, tried

_LAST = 'last = "close" in options or version == "HTTP/1.0"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(fill_folder(tmp_path_factory.mktemp("web")))


@pytest.mark.parametrize("fault", WRONG)
def test_each_fault_fails_the_item_that_tries_it(
    fault: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (clients, connecting):
        monkeypatch.setattr(module, "PATIENCE", 3.0)
    monkeypatch.setattr(letting_go, "LONGEST_HEAD_SECONDS", 8.0)
    monkeypatch.setattr(letting_go, "_DRIP_SECONDS", 0.2)
    item, seen, parts = WRONG[fault]
    with serving(web_file(tmp_path, parts), folder) as subject:
        outcome = tried(item, subject, folder)
    assert (outcome.status, seen in outcome.seen) == ("failed", True), outcome.seen


@pytest.mark.parametrize("habit", RIGHT)
def test_a_right_server_is_not_accused_of_a_habit(
    habit: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if habit.startswith(("stops", "waits")):  # only then it is to be given up soon
        monkeypatch.setattr(connecting, "PATIENCE", 1.0)
    items, parts = RIGHT[habit]
    with serving(web_file(tmp_path, parts), folder) as subject:
        outcomes = {name: tried(name, subject, folder) for name in items}
    assert {name: outcome.seen for name, outcome in outcomes.items() if outcome.status != "passed"} == {}


@pytest.mark.parametrize(("busy", "status"), [(False, "failed"), (True, "not seen")])
def test_a_client_that_waits_for_ever_is_a_fault_unless_the_machine_is_busy(
    busy: bool, status: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staying, "_CLIENT_SECONDS", 2)
    never_ends = (_LAST, 'last = version == "HTTP/1.0"')
    monkeypatch.setattr(staying, "crowded", lambda: busy)
    with serving(web_file(tmp_path, (*NO_LENGTH, never_ends)), folder) as subject:
        outcome = tried("real-clients", subject, folder)
    seen = "this machine was too busy to tell" if busy else "urllib waited 2 s for the end of the page"
    assert (outcome.status, seen in outcome.seen) == (status, True), outcome.seen


def test_an_end_that_was_not_announced_is_not_told_as_if_it_were(folder: str, tmp_path: Path) -> None:
    ends = ((_LAST, "last = True"), ('"Connection: close"', '"X-Other: close"'))
    with serving(web_file(tmp_path, (*NO_LENGTH, *ends)), folder) as subject:
        outcome = tried("keep-alive", subject, folder)
    seen = "the server ends the connection behind each answer: that is allowed"
    assert (outcome.status, outcome.seen) == ("not seen", seen)
