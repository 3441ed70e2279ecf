"""`iomux lab`: a real JupyterLab at the first page, whose printed address works, and which Ctrl-C ends entirely."""

import contextlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil
import pytest

from iomux.system.sockets import listen
from tests.support.clients import DEADLINE, all_gone, eventually
from tests.support.commands import iomux_command

pytest.importorskip("jupyterlab", reason="JupyterLab is missing: pip install -e '.[lab]'")
FIRST = Path("notebooks", "00_start_here.ipynb")
OTHER_PYTHON = "3.11.0b1"
ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+/)(lab/tree/\S+)\?token=(\w+)")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the first page, as another Python has stored it; and a Jupyter of its own, in the environment."""
    notebook = json.loads((Path(__file__).parents[1] / FIRST).read_text(encoding="utf-8"))
    notebook["metadata"]["language_info"]["version"] = OTHER_PYTHON
    (tmp_path / FIRST).parent.mkdir()
    (tmp_path / FIRST).write_text(json.dumps(notebook), encoding="utf-8")
    for name in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / name))
    monkeypatch.delenv("JUPYTER_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def started(clone: Path) -> "Iterator[subprocess.Popen[str]]":
    """`iomux lab` at a port that is taken."""
    with listen("127.0.0.1", 0) as taken:
        command = [sys.executable, "-P", "-m", "iomux", "lab", "--no-browser", "--port", str(taken.getsockname()[1])]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            yield process
            process.kill()


def ask(address: str, token: str, data: bytes | None = None) -> Any:
    with urlopen(Request(address, data, {"Authorization": f"token {token}"}), timeout=DEADLINE) as answer:
        return json.loads(answer.read())


def answers(address: str) -> bool:
    with contextlib.suppress(URLError), urlopen(address, timeout=DEADLINE):
        return True
    return False


def test_the_printed_address_opens_the_first_page_and_one_interrupt_ends_all(
    started: "subprocess.Popen[str]", clone: Path
) -> None:
    assert started.stderr is not None
    said, found = "", None
    while found is None:
        line = started.stderr.readline()
        assert line, said
        said, found = said + line, ADDRESS.search(line)
    home, page, token = found.groups()
    assert page == f"lab/tree/{FIRST}"
    assert ("--allow-root" in said) == (os.geteuid() == 0)
    assert eventually(lambda: answers(found[0])), "it prints the address shortly before it listens there"
    with urlopen(found[0], timeout=DEADLINE) as answer:
        assert (answer.status, b"<title>JupyterLab</title>" in answer.read()) == (200, True)
    notebook = ask(f"{home}api/contents/{FIRST}", token)["content"]
    assert notebook["metadata"]["language_info"]["version"] == platform.python_version()
    assert OTHER_PYTHON in (clone / FIRST).read_text(encoding="utf-8"), "the file is left as it is"
    ask(f"{home}api/kernels", token, b"{}")
    processes = psutil.Process(started.pid).children(recursive=True)
    assert processes
    started.send_signal(signal.SIGINT)
    assert started.wait(timeout=DEADLINE) == 0
    assert "Traceback" not in started.stderr.read()
    assert all_gone(processes)


@pytest.mark.parametrize(
    ("page", "why"),
    [
        ("notebooks/00_start_here.ipynb", "there is no notebooks/00_start_here.ipynb in "),
        ("../elsewhere.ipynb", "../elsewhere.ipynb is not below "),
    ],
)
def test_a_page_that_jupyterlab_cannot_show_is_one_line(
    page: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere.ipynb").touch()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    done = iomux_command("lab", page)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"iomux lab: {why}")


def test_an_address_of_another_machine_is_one_line(clone: Path) -> None:
    done = iomux_command("lab", "--host", "192.0.2.1")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("iomux lab: cannot assign requested address: 192.0.2.1: choose 127.0.0.1")
