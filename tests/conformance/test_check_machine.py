"""`iomux.check` on a machine that lacks or hides something: right or "not seen", and the report says so aloud."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

import iomux
from iomux.conformance.echo import limits
from iomux.conformance.trial import subject
from iomux.conformance.trial.items import Item
from iomux.conformance.trial.outcome import Outcome, try_item
from iomux.conformance.trial.subject import NotSeenHere, Subject
from iomux.system.process_tree import exists
from tests.support.checks import check

ROOT = Path(__file__).parents[2]
ECHO = ROOT / "tests" / "field" / "inputs" / "prints_raw_bytes.py"


def test_few_descriptors_are_named_in_the_first_lines_and_by_the_status() -> None:
    line = f"ulimit -n 64; '{sys.executable}' -m iomux check poll --only echoes,hundred"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    headline, after, *_ = done.stdout.splitlines()
    said = r"poll: 1 of 2 items passed, 1 not seen, (8 of \d+ points); only \1 could be seen here"
    assert re.fullmatch(said, headline)
    assert after.startswith("this machine, not the server, keeps from being seen: hundred")
    assert "raise the limit (ulimit -n" in " ".join(done.stdout.split())
    assert done.returncode == 3


def test_a_shells_limit_on_the_server_is_no_fault_of_the_server() -> None:
    line = f"bash -c 'ulimit -n 64; exec {sys.executable} {ECHO} {{port}}'"
    result = check(line, "hundred")["hundred"]
    assert (result.status, result.by_machine) == ("not seen", True)
    assert result.seen.startswith("the server may open 64 descriptors only")


def test_what_the_user_has_chosen_is_no_lack_of_the_machine() -> None:
    with iomux.start("poll") as server:
        report = check(f"{server.address[0]}:{server.address[1]}", ("echoes", "leaks"))
    assert (report.not_seen, report.exit_status) == (("leaks",), 0)


@pytest.mark.parametrize("prints", [True, False])
def test_who_prints_on_a_crowded_machine_is_given_more_time_at_the_limit(
    prints: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(("left waiting", "left waiting", "answered"))
    monkeypatch.setattr(limits, "_answered", lambda client: next(answers))
    monkeypatch.setattr(limits, "PATIENCE", 0.0)
    monkeypatch.setattr(limits, "at_work", lambda subject: False)
    monkeypatch.setattr(limits, "busy_printing", lambda subject: prints)
    with iomux.start("poll") as server:
        assert limits._served_again(Subject(server.address, server.pid)) is prints


def test_who_still_prints_after_that_is_not_seen_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_served_again", lambda subject: False)
    monkeypatch.setattr(limits, "busy_printing", lambda subject: True)
    with iomux.start("poll") as server, pytest.raises(NotSeenHere, match="it prints much"):
        limits.descriptor_limit(Subject(server.address, server.pid))


def outcome_of(error: BaseException) -> Outcome:
    def trial(_: Subject) -> None:
        raise error

    return try_item(Item("name", "rule", "sent", "hint", "man", trial), Subject(("127.0.0.1", 1)))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"),
        PermissionError(errno.EPERM, "Operation not permitted"),
        psutil.AccessDenied(1),
    ],
)
def test_what_the_check_itself_lacks_is_not_seen(error: BaseException) -> None:
    assert (outcome_of(error).status, outcome_of(error).by_machine) == ("not seen", True)


def test_a_process_that_proc_hides_is_not_taken_for_one_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(pid: int) -> Any:
        raise psutil.NoSuchProcess(pid)

    monkeypatch.setattr(psutil, "Process", hidden)
    with pytest.raises(NotSeenHere, match="can't be looked into from here"):
        subject.processes(Subject(("127.0.0.1", 1), os.getpid()))
    assert exists(os.getpid())
    assert exists(1), "another user's, perhaps"


def test_two_checks_on_one_core_are_both_right() -> None:
    command = [
        sys.executable,
        "-m",
        "iomux",
        "check",
        "poll",
        "--json",
        "--only",
        "echoes,hundred,neighbours,flood,silent",
    ]
    core = {min(os.sched_getaffinity(0))} if hasattr(os, "sched_setaffinity") else set[int]()

    def share_a_core() -> None:
        if core:
            os.sched_setaffinity(0, core)

    both = [subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=share_a_core) for _ in range(2)]
    for process in both:
        said = json.loads(process.communicate(timeout=170)[0])
        assert [result["name"] for result in said["results"] if result["status"] == "failed"] == []
