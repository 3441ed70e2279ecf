"""The test file that marks a submission, as graders run it: in the clone, in a student's project, without plugins."""

import inspect
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from iomux.course.coursework import solutions
from tests.support.required import takes_long

pytestmark = takes_long

ROOT = Path(__file__).parents[2]
MARKED_BY = "iomux.course.coursework.test_submission"
RIGHT = inspect.getsource(solutions)
NAIVE = """
def serve_naively(listener):
    while True:
        with listener.accept()[0] as client:
            client.sendall(client.recv(4096))
            client.recv(4096)
"""
STRICT = """
[tool.pytest]
addopts = ["--import-mode=importlib", "--strict-markers", "--strict-config"]
filterwarnings = ["error"]
"""
"""The settings of a project that is none of ours."""


@dataclass(frozen=True)
class Marks:
    """What pytest printed and returned, and what the JUnit file says of each item."""

    status: int
    printed: str
    points: dict[str, dict[str, int]]
    said: dict[str, str]


def mark(submission: str, items: str, project: Path, junit: Path) -> Marks:
    """Mark some items of a submission, in the folder of a project, where pytest has no plugin that ours have."""
    absent = [word for name in ("nbval", "xdist", "timeout", "cacheprovider") for word in ("-p", f"no:{name}")]
    written = ["-o", "junit_family=xunit1", f"--junitxml={junit}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *absent, "--pyargs", MARKED_BY, "-k", items, *written],
        cwd=project,
        env=os.environ | {"SUBMISSION": submission},
        capture_output=True,
        text=True,
    )
    assert junit.exists(), done.stdout + done.stderr
    points, said = {}, {}
    for case in ElementTree.parse(junit).iter("testcase"):
        item = str(case.get("name")).removeprefix("test_item[").removesuffix("]")
        points[item] = {str(each.get("name")): int(str(each.get("value"))) for each in case.iter("property")}
        said[item] = "".join(str(failure.get("message")) for failure in case.iter("failure"))
    return Marks(done.returncode, done.stdout, points, said)


@pytest.mark.parametrize(
    ("function", "points"),
    [
        ("serve_poll", {"echoes": 8, "end": 2}),
        ("serve_naively", {"echoes": 0, "end": 2}),
        ("not_in_the_file", {"echoes": 0, "end": 0}),
    ],
)
def test_in_the_clone_a_submission_is_marked_by_item(tmp_path: Path, function: str, points: dict[str, int]) -> None:
    file = tmp_path / "submission.py"
    file.write_text(RIGHT + NAIVE)
    marks = mark(f"{file}:{function}", "echoes or end", ROOT, tmp_path / "points.xml")
    worth = {"echoes": 8, "end": 2}
    assert marks.points == {item: {"points": points[item], "of": worth[item]} for item in worth}, marks.printed
    assert marks.status == (0 if function == "serve_poll" else 1)


def test_what_the_machine_hides_is_said_to_be_no_mark(tmp_path: Path) -> None:
    """A process that may open 600 descriptors only can't be tried with more than 1,024."""
    (tmp_path / "ada.py").write_text(RIGHT)
    few = f"ulimit -n 600; exec {sys.executable} -m pytest --pyargs {MARKED_BY} -rs -k 'past-1024 or end'"
    environment = os.environ | {"SUBMISSION": "ada.py:serve_poll", "COLUMNS": "500"}
    done = subprocess.run(["sh", "-c", few], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "1 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
    assert "no mark, since this machine hides it: " in done.stdout


SUBMISSIONS = {
    "prints": ("import os\nprint('hello')\nos.write(1, b'hello')\n" + RIGHT, ""),
    "exits": ("import os\nos._exit(0)\n" + RIGHT, "exits.py can't be imported: it ends the process that imports it"),
    "leaves": ("raise SystemExit(0)\n" + RIGHT, "leaves.py can't be imported:"),
    "hangs": ("import time\ntime.sleep(1e6)\n" + RIGHT, "hangs.py can't be imported: its import did not end within"),
    "broken": ("def serve_poll(listener)\n    pass\n", "SyntaxError: expected ':'"),
    "missing": ("", "there is no file missing.py: give the path of a Python file"),
    "unnamed": ("", "no submission is named: SUBMISSION=ada.py:serve_poll pytest"),
}
"""The name of each: what the file has in it, and what is said of it; nothing of one that passes."""


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Marks]:
    """Each submission marked in a student's project, all at the same time: one of them takes its ten seconds."""
    project = tmp_path_factory.mktemp("project")
    (project / "pyproject.toml").write_text(STRICT)
    for name, (source, _) in SUBMISSIONS.items():
        if source:
            (project / f"{name}.py").write_text(source)

    def one(name: str) -> Marks:
        submission = "" if name == "unnamed" else f"{name}.py:serve_poll"
        return mark(submission, "echoes", project, project / f"{name}.xml")

    with ThreadPoolExecutor() as pool:
        return dict(zip(SUBMISSIONS, pool.map(one, SUBMISSIONS), strict=True))


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_in_a_students_project_what_breaks_a_grader_fails_with_a_sentence(name: str, marked: dict[str, Marks]) -> None:
    marks, says = marked[name], SUBMISSIONS[name][1]
    assert marks.points == {"echoes": {"points": 0 if says else 8, "of": 8}}, marks.printed
    assert says in marks.said["echoes"]
    assert bool(says) == bool(marks.said["echoes"])
    assert marks.status == (1 if says else 0)
    assert "Traceback" not in marks.printed
