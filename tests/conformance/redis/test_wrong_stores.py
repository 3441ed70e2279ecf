"""`iomux.check_redis` on wrong stores: each fails the item made for its fault, and no other of the same stage."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iomux.conformance.redis import expiry, forgetting
from iomux.conformance.redis.stages import STAGED
from iomux.conformance.targets import target_of
from iomux.conformance.trial import connecting, flooding, patience
from iomux.conformance.trial.outcome import Outcome, try_item
from iomux.conformance.trial.subject import Subject
from tests.students.wrong_stores import QUICK, SLOW, wrong

LONG = {"every-cut", "byte-by-byte", "pipeline", "thousand", "counted", "large", "half-close"}
"""Tried only on the store that is wrong in this: they take longer than all the others together."""
NEED_A_PROCESS = {name for name, _, _ in SLOW}
PATIENCE = 0.4


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """All quick wrong stores, in one process: the port of each."""
    command = [sys.executable, "-m", "tests.students.wrong_stores"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())
        process.communicate(timeout=30)


def impatient(name: str, subject: Subject) -> Outcome:
    """Try an item that fails by waiting, and wait less."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (connecting, expiry, patience):
            patch.setattr(module, "PATIENCE", PATIENCE)
        patch.setattr(forgetting, "_ROUNDS", 4)
        patch.setattr(forgetting, "_LAST_WAIT_SECONDS", 0.3)
        patch.setattr(flooding, "_ENOUGH_SECONDS", 0.5)
        patch.setattr(flooding, "_MOST_SECONDS", 5.0)
        return try_item(STAGED[name], subject)


def test_each_item_has_a_wrong_store() -> None:
    named = [name for name, _, _ in (*QUICK, *SLOW)]
    assert set(named) == set(STAGED) - {"ping"}, "without this one nothing is tried"
    assert len(named) == len(set(named))


@pytest.mark.parametrize("name", [name for name, _, _ in QUICK])
def test_a_wrong_store_fails_its_item_and_no_other(ports: dict[str, int], name: str) -> None:
    subject = Subject(("127.0.0.1", ports[name]))
    family = STAGED[name].trial.__module__
    for other, item in STAGED.items():
        if item.trial.__module__ == family and other not in {name} | LONG | NEED_A_PROCESS:
            assert try_item(item, subject).status != "failed", f"{name} is wrong, and {other} has failed"
    outcome = impatient(name, subject)
    assert outcome.status == "failed", outcome
    json.dumps(outcome.detail)


@pytest.mark.parametrize(("name", "old", "new"), SLOW)
def test_a_wrong_store_fails_its_item(tmp_path: Path, name: str, old: str, new: str) -> None:
    program = tmp_path / "store.py"
    program.write_text(wrong(old, new))
    with target_of(f"{sys.executable} {program} {{port}}").run() as running:
        outcome = impatient(name, running.subject)
    if outcome.by_machine:
        pytest.skip(outcome.seen)
    assert outcome.status == "failed", outcome
