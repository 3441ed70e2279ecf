"""Completion in a real bash, by argcomplete."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.commands import read_until
from tests.support.required import do_without

BEGIN = 'PS1="ready> "; eval "$(register-python-argcomplete iomux)"\n'


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """A bash on a terminal: what it makes of a line and Tab, without running it."""
    if find_spec("argcomplete") is None:
        do_without("argcomplete", "pip install -e '.[completion]'", "IOMUX_COMPLETION")
    (tmp_path / "mine.py").write_text("")
    terminal, end = pty.openpty()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    settings = {**os.environ, "PATH": path, "TERM": "dumb", "INPUTRC": "/dev/null", "PS1": ""}
    command = ["bash", "--norc", "--noprofile", "-i"]
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end, cwd=tmp_path, env=settings) as bash:
        os.close(end)
        os.write(terminal, BEGIN.encode())
        read_until(terminal, "\r\nready> ")

        def made_of(line: str) -> str:
            os.write(terminal, f"{line}\t\x01echo [\x05]\n".encode())  # Tab, then Ctrl-A and Ctrl-E
            return read_until(terminal, "]\r\nready> ").rpartition("\r\n[")[2].partition("]")[0]

        yield made_of
        bash.kill()
    os.close(terminal)


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("iomux so", "iomux soak "),
        ("iomux serve epoll --sha", "iomux serve epoll --sharing "),
        ("iomux serve epoll --sharing inh", "iomux serve epoll --sharing inherited "),
        ("iomux bench select gen", "iomux bench select generators "),
        ("iomux check mi", "iomux check mine.py"),
        ("iomux check poll --only half-close,back", "iomux check poll --only half-close,back-pressure"),
        ("iomux check poll --redis --only set-g", "iomux check poll --redis --only set-get"),
    ],
)
def test_bash_completes(typed: Callable[[str], str], line: str, made: str) -> None:
    assert typed(line).rstrip() == made.rstrip()
