"""What names a target, in words: a command with an environment, what cannot be started, and whose port it is."""

import functools
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from iomux.conformance.targets import target_of
from iomux.conformance.trial.subject import NotSeen
from tests.conformance.test_targets import FORMS, PYTHON, notes, program
from tests.students import forms
from tests.support.checks import check


def test_the_environment_may_stand_before_a_command(tmp_path: Path) -> None:
    line = program(tmp_path, "sys.argv[1:] = [os.environ['PORT']]").replace(" {port}", "")
    assert check(f"GREETING='hello you' PORT={{port}} {line}", "echoes").failed == ()


@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        ("nonesuch-server {port}", LookupError, "there is no program 'nonesuch-server'"),
        ("./nonesuch {port}", LookupError, "there is no program ./nonesuch"),
        (f"{Path(FORMS).parent} {{port}}", LookupError, "is a folder"),
        (f"{FORMS} {{port}}", LookupError, "is not executable: chmod"),
        (f"{PYTHON} nonesuch.py {{port}}", LookupError, "there is no file nonesuch.py"),
        (f"nice {PYTHON} -u nonesuch.py {{port}}", LookupError, "there is no file nonesuch.py"),
        (f"{PYTHON} {FORMS} {{port}} | tee log", ValueError, "'|' is for a shell"),
        ("cd / && ./server {port}", ValueError, "'&&' is for a shell"),
        (f"{PYTHON} {FORMS} $PORT", ValueError, r"'\$P' is for a shell"),
        (f"{PYTHON} 'unclosed {{port}}", ValueError, "no closing quotation"),
        ("PORT={port}", ValueError, "names no program"),
        ("http://localhost:8000", ValueError, "write host:port, as in localhost:8000"),
        ("127.0.0.1:1", ValueError, "nothing answers at 127.0.0.1:1"),
        ("192.0.2.1:80", ValueError, "not a loopback address"),
        (FORMS, LookupError, "with the function's name, or the command"),
    ],
)
def test_what_can_not_be_started_is_a_wrong_use_said_in_a_sentence(line: str, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        check(line, "echoes")


def test_wrong_use_on_the_command_line_has_status_2() -> None:
    command = [PYTHON, "-m", "iomux", "check", f"{PYTHON} nonesuch.py {{port}}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_what_is_written_in_quotes_is_not_for_a_shell() -> None:
    line = f"{PYTHON} -c 'import sys; print(1 > 2 or 3 | 4); sys.exit(7)' {{port}}"
    assert check(line, "echoes")["echoes"].seen.startswith("the server ended with status 7")


def test_a_port_is_for_what_makes_its_own_listener() -> None:
    with pytest.raises(ValueError, match="has no port of its own"):
        target_of("poll", port=8000)


def test_a_partial_is_called_as_its_function_would_be() -> None:
    assert target_of(functools.partial(forms.with_settings, settings={})).notes == ()


def test_not_seen_is_what_a_port_of_somebody_else_leads_to(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line = program(tmp_path, f"sys.argv[1:] = ['{taken.getsockname()[1]}']").replace(" {port}", "")
        with pytest.raises(NotSeen, match="can't listen"):
            notes(target_of(line))
