"""`iomux.check_redis` on faults that an item tries beside its first, and on right stores with strange habits."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from iomux.conformance.redis import expiry
from iomux.conformance.redis.stages import STAGED
from iomux.conformance.trial import patience
from iomux.conformance.trial.outcome import Outcome, try_item
from iomux.conformance.trial.subject import Subject
from tests.students.stores_again import RIGHT, WRONG


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """All of them in one process: the port of each."""
    command = [sys.executable, "-m", "tests.students.stores_again"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())
        process.communicate(timeout=30)


def tried(item: str, port: int) -> Outcome:
    return try_item(STAGED[item], Subject(("127.0.0.1", port)))


@pytest.mark.parametrize("fault", WRONG)
def test_each_fault_fails_the_item_that_tries_it(
    fault: str, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (expiry, patience):
        monkeypatch.setattr(module, "PATIENCE", 0.4)
    item, seen, _ = WRONG[fault]
    if "before a key's time is over" in seen:  # then no busy machine hides it
        monkeypatch.setattr(expiry, "_SURE_SECONDS", 20.0)
    outcome = tried(item, ports[fault])
    assert (outcome.status, seen in outcome.seen) == ("failed", True), outcome.seen


@pytest.mark.parametrize("habit", RIGHT)
def test_a_right_store_is_not_accused_of_a_habit(habit: str, ports: dict[str, int]) -> None:
    outcome = tried(RIGHT[habit][0], ports[habit])
    assert outcome.status != "failed", outcome.seen


def test_a_store_of_one_version_is_told_so_and_not_that_it_does_not_know_hello(ports: dict[str, int]) -> None:
    outcome = tried("hello", ports["speaks RESP2 only"])
    said = "this store speaks RESP2 only: HELLO 3 was answered -NOPROTO only RESP2 is spoken here"
    assert (outcome.status, outcome.seen) == ("not seen", said)
