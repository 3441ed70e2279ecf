"""`iomux.check` on `file.py:function`: the file is imported in the server's process, and does nothing to this one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import iomux
from iomux.processes import import_once
from tests.support.checks import check

SERVE = """
def serve(listener):
    while True:
        client, _ = listener.accept()
        while data := client.recv(65536):
            client.sendall(data)
        client.close()
"""


def written(folder: Path, top: str) -> str:
    """A server's file with these lines at its top, and its function, as a target."""
    (folder / "mine.py").write_text(top + SERVE)
    return f"{folder}/mine.py:serve"


@pytest.mark.parametrize(
    "top",
    [
        "import threading\nlock = threading.Lock()",
        "import selectors\nselector = selectors.DefaultSelector()",
        "import queue\nwaiting = queue.Queue()",
        "log = open(__file__)",
        "from helper import SIZE",
        "import os, time; os.fork() or time.sleep(60)",
    ],
)
def test_what_a_module_holds_need_not_be_sent_anywhere(top: str, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("SIZE = 65536\n")
    assert check(written(tmp_path, top), ("echoes", "sizes")).failed == ()


def test_a_file_that_ends_its_process_does_not_end_this_one(tmp_path: Path) -> None:
    with pytest.raises(ImportError, match="it ends the process that imports it"):
        check(written(tmp_path, "import os; os._exit(0)"))


def test_an_import_that_never_ends_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_once, "IMPORT_SECONDS", 1.0)
    with pytest.raises(ImportError, match="did not end within 1 s; if a loop stands outside of its functions"):
        iomux.start(written(tmp_path, "while True: pass"))


def test_what_a_file_prints_is_not_in_the_report(tmp_path: Path) -> None:
    target = written(tmp_path, "print('hello')\nimport os; os.write(1, b'hello')")
    command = [sys.executable, "-m", "iomux", "check", target, "--only", "echoes", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout)["passed"] is True


def test_a_file_is_imported_in_no_process_but_its_own(tmp_path: Path) -> None:
    target = written(tmp_path, f"import os; open({str(tmp_path / 'pids')!r}, 'a').write(f'{{os.getpid()}} ')")
    with iomux.start(target) as server:
        pids = (tmp_path / "pids").read_text().split()
        assert str(server.pid) in pids
    assert str(os.getpid()) not in pids
    assert len(pids) == 2, "once to see whether it can be imported, once to serve"
