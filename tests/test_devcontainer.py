"""The development container says what the rest of the project says. No image is built here: that needs an engine."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".devcontainer"
SETTINGS: dict[str, Any] = json.loads((FOLDER / "devcontainer.json").read_text())
IMAGE = (FOLDER / SETTINGS["build"]["dockerfile"]).read_text()
README = (ROOT / "README.md").read_text()


def test_its_python_is_the_least_that_the_package_allows() -> None:
    found = re.search(r"^FROM python:(\S+)-(\S+)$", IMAGE, re.MULTILINE)
    assert found
    assert f">={found[1]}" == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]


def test_it_installs_what_the_readme_installs_for_all_tests() -> None:
    line = re.search(r"^(python3 -m venv .+) && \.venv/bin/pytest$", README, re.MULTILINE)
    assert line
    assert SETTINGS["postCreateCommand"] == line[1]
    python = SETTINGS["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert python == "${containerWorkspaceFolder}/.venv/bin/python"


def test_it_opens_the_course_as_the_readme_does_at_the_port_that_it_forwards() -> None:
    line = re.search(r"&& (\.venv/bin/iomux lab)$", README, re.MULTILINE)
    assert line
    words = SETTINGS["postAttachCommand"].removeprefix(line[1]).split()
    assert SETTINGS["postAttachCommand"].startswith(line[1])
    ports = [int(word.removeprefix("--port=")) for word in words if word.startswith("--port=")]
    assert ports == SETTINGS["forwardPorts"] == [int(port) for port in SETTINGS["portsAttributes"]]
    assert not any(word.startswith("--host") for word in words)  # forwarded from 127.0.0.1, and open to nobody else


def test_it_has_the_debian_packages_that_the_tests_bring() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    brought = re.findall(r"^need \S+ ([^#\n]+)|^\[.*\|\| bring ([^#\n]+)", script, re.MULTILINE)
    packages = {name for pair in brought for name in "".join(pair).split()}
    assert {"gcc", "chromium", "libevent-dev"} < packages
    listed = re.search(r"apt-get install \S+ \S+ --no-install-recommends(.*?)&& rm", IMAGE, re.DOTALL)
    assert listed
    names = listed[1].replace("\\", "").split()
    assert names == sorted(packages)


def test_a_process_may_open_as_many_connections_as_the_course_does() -> None:
    words = SETTINGS["runArgs"]
    assert words[words.index("--ulimit") + 1] == "nofile=20000:20000"
    assert "LimitNOFILE=20000" in (ROOT / "docs" / "teach.md").read_text()  # the same number, for a hub
