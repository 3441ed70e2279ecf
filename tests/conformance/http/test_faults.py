"""Each item of `iomux.check_http` on a server that is wrong in just this: it fails, and others do not."""

from pathlib import Path

import pytest

from iomux.conformance.http import letting_go, limits, reading
from iomux.conformance.http.site import fill_folder
from iomux.conformance.http.stages import STAGED
from iomux.conformance.trial import clients, connecting
from tests.students.faulty_web import FAULTS
from tests.students.web import web_file
from tests.support.web import serving, tried

CHEAP = ("head", "methods", "decoded-path", "empty-line", "http2", "host", "name-blank", "both-lengths", "codings")
"""Items that take a few requests: each wrong server is tried with one of them, in turn."""
FOLLOWS = {"close": "field-names", "body": "get-body", "half-close": "owed", "pipelined": "cut-anywhere"}
"""Items that need what the wrong server lacks: they say so instead of failing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(fill_folder(tmp_path_factory.mktemp("web")))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong server may be accused soon: here nobody is to be spared."""
    monkeypatch.setattr(connecting, "PATIENCE", 0.5)
    monkeypatch.setattr(clients, "PATIENCE", 0.5)
    monkeypatch.setattr(limits, "PATIENCE", 0.5)
    monkeypatch.setattr(limits, "_CROWD", 150)
    monkeypatch.setattr(limits, "_ENDLESS_BYTES", 2 << 20)
    monkeypatch.setattr(reading, "_UNREAD", 15)
    monkeypatch.setattr(reading, "_SIPS", 400)
    monkeypatch.setattr(letting_go, "LONGEST_HEAD_SECONDS", 1.5)
    monkeypatch.setattr(letting_go, "LONGEST_GOODBYE_SECONDS", 1.0)
    monkeypatch.setattr(letting_go, "_DRIP_SECONDS", 0.2)
    monkeypatch.setattr(letting_go, "_MOST_IN_ONE_TURN", 1 << 20)


def test_there_is_a_wrong_server_for_each_item() -> None:
    assert set(FAULTS) == set(STAGED)


@pytest.mark.parametrize("item", FAULTS)
def test_a_fault_fails_the_item_that_is_made_for_it_and_no_other(
    item: str, folder: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, parts = FAULTS[item]
    other = CHEAP[list(FAULTS).index(item) % len(CHEAP)]
    with serving(web_file(tmp_path, parts), folder) as subject:
        if other != item and item != "get":
            assert tried(other, subject, folder).status != "failed"
        request.getfixturevalue("impatient")
        if item == "thousand":  # there a server that spins is to answer first
            monkeypatch.setattr(connecting, "PATIENCE", 5.0)
        if item in FOLLOWS:
            assert tried(FOLLOWS[item], subject, folder).seen.endswith(f"see the item {item}")
        outcome = tried(item, subject, folder)
    assert (outcome.status, seen in outcome.seen) == ("failed", True), outcome.seen
