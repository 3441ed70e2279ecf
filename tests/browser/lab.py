"""JupyterLab in a separate process, for a browser to open: with its own home, a free port and a token.

It never outlives its owner: the owner holds the other end of its standard input, and when that is closed, for
whatever reason, JupyterLab shuts its kernels down and ends. Each process that it starts has a mark in its environment,
so that `left` can find those that are left. JupyterLab is ready when it has written its runtime file.
"""

import contextlib
import html
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import matplotlib as mpl
import psutil

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
FIRST = "00_start_here.ipynb"
"""The notebook that the README's first command opens."""
MARK = "IOMUX_BROWSER_TEST"
"""The environment variable that marks the processes which a test has started."""
_START_SECONDS, _STOP_SECONDS = 240.0, 60.0


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    url: str
    """Where it answers, ending in a slash."""
    token: str
    opened: str
    """What it sends the user's browser to when it starts."""
    folder: Path
    """What it serves: a copy, in which `notebooks` may be written to."""
    mark: str

    def path(self, notebook: str) -> str:
        """A notebook's path relative to JupyterLab's root folder, which depends on the file that it opens."""
        root = urlsplit(self.opened).path.partition("/lab/tree/")[2].removesuffix(FIRST)
        return root + notebook

    def page(self, notebook: str) -> str:
        """The address of a notebook in a separate workspace, so that tabs of other tests are not restored."""
        return f"{self.url}lab/workspaces/{Path(notebook).stem}/tree/{self.path(notebook)}?token={self.token}"

    def ask(self, path: str, method: str = "GET") -> Any:
        """Send a request to the REST interface; return the JSON of the answer, or None."""
        request = Request(self.url + path, method=method, headers={"Authorization": f"token {self.token}"})
        with urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or "null")

    def end_kernels(self) -> None:
        """Shut down every session with its kernel, and wait until their processes are gone."""
        for session in self.ask("api/sessions"):
            self.ask(f"api/sessions/{session['id']}", "DELETE")
        wait_until(lambda: len(left(self.mark)) == 1, "only JupyterLab's own process is left")
        assert self.ask("api/kernels") == []


def wait_until(holds: Any, what: str, seconds: float = _STOP_SECONDS) -> None:
    """Wait until `holds()` is true; AssertionError that names `what` if it does not become true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain until {what}"
        time.sleep(0.05)


def left(mark: str) -> list[psutil.Process]:
    """The processes with a mark: JupyterLab, its kernels, and all that they have started."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@contextlib.contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """JupyterLab on a copy in `folder` of the notebooks and what they link to, started as by the README's command."""
    for name in ("notebooks", "iomux"):
        shutil.copytree(NOTEBOOKS.parent / name, folder / name, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    home, mark = folder / "home", secrets.token_hex(8)
    log = (folder / "lab.log").open("wb")
    command = [sys.executable, "-P", str(Path(__file__)), *_arguments(), "--port=0"]
    environment = _environment(home, mark)
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=folder, env=environment, start_new_session=True
    )
    try:
        wait_until(lambda: process.poll() is not None or _opened(home), "JupyterLab opens a browser", _START_SECONDS)
        assert process.poll() is None, (folder / "lab.log").read_text()
        runtime = json.loads((home / "runtime" / f"jpserver-{process.pid}.json").read_text())
        yield Lab(runtime["url"], runtime["token"], _opened(home), folder, mark)
    finally:
        _end(process, mark)
        log.close()


def _arguments() -> list[str]:
    """The arguments that the README's first command passes to `iomux`."""
    found = re.search(r"bin/iomux (lab.*)$", (NOTEBOOKS.parent / "README.md").read_text(), re.MULTILINE)
    assert found, "the README has no command that opens JupyterLab"
    return shlex.split(found[1])


def _opened(home: Path) -> str:
    """The address to which JupyterLab sends the browser, from the page that it has opened; empty if none yet."""
    with contextlib.suppress(FileNotFoundError):
        page = (home / "opened").read_text().strip().removeprefix("file://")
        if page and (found := re.search(r'href="([^"]+)"', Path(page).read_text())):
            return html.unescape(found[1])
    return ""


def _environment(home: Path, mark: str) -> dict[str, str]:
    """Our environment without the user's Jupyter; matplotlib's font cache is shared, as it takes long to build."""
    settings = home / "settings" / "@jupyterlab"
    for name, values in _SETTINGS.items():
        file = settings / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    config = home / "config" / "jupyter_lab_config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"LabApp": {"expose_app_in_browser": True}}))  # `jupyterapp`, for page.py
    browser = home / "browser"  # records what it is asked to open
    browser.write_text(f'#!/bin/sh\necho "$1" > "{home / "opened"}"\n')
    browser.chmod(0o755)
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "IPYTHON", "XDG_", "PYTEST_"))}
    own = {
        "HOME": home,
        "BROWSER": browser,
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": settings.parent,
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "MPLCONFIGDIR": mpl.get_cachedir(),
        MARK: mark,
    }
    return ours | {name: str(value) for name, value in own.items()}


_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},  # asks, and the network
    "notebook-extension/tracker": {"windowingMode": "none"},  # all cells are in the page, for the screenshot
}


def _end(process: "subprocess.Popen[bytes]", mark: str) -> None:
    """Close the lifeline and wait; kill any process that is left, and fail if there was one."""
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    stayed = left(mark)
    for one in stayed:
        with contextlib.suppress(psutil.Error):
            one.kill()
    process.wait()
    assert not stayed, f"left behind by JupyterLab, and killed: {stayed}"


def _end_with_owner() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)  # JupyterLab shuts its kernels down at that


if __name__ == "__main__":
    from iomux.cli.main import main

    threading.Thread(target=_end_with_owner, daemon=True).start()
    sys.exit(main(sys.argv[1:]))
