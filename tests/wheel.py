"""Both distributions, tried as a user has them: `python -m tests.wheel`. By hand: it takes minutes, and 900 MB of disk.

They are built from a clone of what is committed. The wheel is installed into an environment of its own, outside the
clone, and everything else is run there, with an empty home. A line for each trial; status 1 if one failed.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from iomux.course.own_copy import files
from iomux.system.features import DISTRIBUTION

ROOT = Path(__file__).parents[1]
RIGHT = """
import iomux
from iomux.processes.server import Server

def loaded(server: Server) -> float:
    result: iomux.LoadResult = iomux.load(server, connections=1, duration=0.1)
    return result.p50_us

with iomux.start("epoll") as server:
    print(iomux.__version__.upper(), loaded(server))
"""
WRONG = """
import iomux

version: int = iomux.__version__
iomux.laod
with iomux.start("epoll") as server:
    server.nonsense
"""
WRONG_SAYS = ('type "str", variable has type "int"', 'has no attribute "laod"', '"Server" has no attribute "nonsense"')
DATA = (
    "from iomux.course.loops.catalogue import LOOPS, SOURCES\n"
    "print(all((SOURCES / loop.source).exists() for loop in LOOPS))"
)
SOLVED = (
    "from iomux.solutions import asynchronous_io, coroutines, epoll_, poll_, select_\n"
    "print(poll_.exercise_1(), select_.exercise_2(), coroutines.exercise_1(), asynchronous_io.exercise_1())"
)
PAGES = ("00_start_here", "04_select", "zh/05_poll", "14_a_web_server", "zh/16_a_wire_between_them")
SUBMISSION = "from iomux.servers.epoll_ import serve\n"


class Place(NamedTuple):
    """Where the trials are: a folder outside the clone."""

    folder: Path

    @property
    def clone(self) -> Path:
        """A clone of what is committed."""
        return self.folder / "clone"

    @property
    def bin(self) -> Path:
        """The programs of the environment that has the wheel."""
        return self.folder / "environment" / "bin"

    def run(self, *command: str | Path, status: int = 0, **variables: str) -> str:
        """What a command prints, run there with an empty home; AssertionError if it ends with another status."""
        (self.folder / "home").mkdir(exist_ok=True)
        environment = {"PATH": f"{self.bin}:{os.defpath}", "HOME": str(self.folder / "home"), "LANG": "C.UTF-8"}
        return _run(*command, cwd=self.folder, environment=environment | variables, status=status)


def built(place: Place) -> str:
    """Both are built, the wheel from the source distribution."""
    _run("git", "clone", "-q", ROOT, place.clone)
    _run(sys.executable, "-m", "build", "--outdir", place.folder / "dist", place.clone)
    return ", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in (place.folder / "dist").iterdir())


def strict(place: Place) -> str:
    """`twine check --strict` has nothing against them."""
    return _run(sys.executable, "-m", "twine", "check", "--strict", *(place.folder / "dist").iterdir()).splitlines()[-1]


def complete(place: Place) -> str:
    """The source distribution has all that git has, the wheel the package with each data file and the pages."""
    tracked = _run("git", "-C", place.clone, "ls-files").splitlines()
    [source], [wheel] = (list((place.folder / "dist").glob(glob)) for glob in ("*.tar.gz", "*.whl"))
    with tarfile.open(source) as tar, zipfile.ZipFile(wheel) as packed:
        in_source = {name.partition("/")[2] for name in tar.getnames()}
        in_wheel = {name for name in packed.namelist() if ".dist-info/" not in name}
    pages = {f"iomux/course/files/{path.relative_to(place.clone)}" for path in files(place.clone)}
    assert set(tracked) - in_source == set()
    assert in_wheel == {name for name in tracked if name.startswith("iomux/")} | pages
    return f"{len(in_source)} and {len(in_wheel)} files"


def installed(place: Place) -> str:
    """The wheel is installed outside the clone, and imported from there."""
    [wheel] = (place.folder / "dist").glob("*.whl")
    _run(sys.executable, "-m", "venv", place.bin.parent)
    _run(place.bin / "pip", "install", "-q", f"{wheel}[lab,compare]", "pytest")
    where = place.run("python", "-c", "import iomux; print(iomux.__file__)").strip()
    assert where.startswith(str(place.bin.parent)), where
    return place.run("pip", "show", DISTRIBUTION).splitlines()[1]


def command(place: Place) -> str:
    """The command starts, loads and checks servers."""
    place.run("iomux", "bench", "poll", "epoll", "--connections", "1", "--duration", "0.1", "--plot", "latency.png")
    assert "echoes" in place.run("iomux", "check", "epoll", "--only", "echoes")
    return place.run("iomux", "--version").strip()


def typed(place: Place) -> str:
    """A user's script is checked under `mypy --strict`, and its mistakes are found."""
    (place.folder / "right.py").write_text(RIGHT)
    (place.folder / "wrong.py").write_text(WRONG)
    mypy = (sys.executable, "-m", "mypy", "--strict", "--python-executable", place.bin / "python")
    said = place.run(*mypy, "right.py").strip()
    found = place.run(*mypy, "wrong.py", status=1)
    assert all(message in found for message in WRONG_SAYS), found
    place.run("python", "right.py")
    return said


def used(place: Place) -> str:
    """Data files and pages are found by the package itself: other people's loops, solutions out of pages."""
    assert place.run("python", "-c", DATA).strip() == "True"
    return f"{len(place.run('python', '-c', SOLVED))} characters of solutions"


def copied(place: Place) -> str:
    """`iomux course` copies, does it again, and refuses what was changed."""
    first = place.run("iomux", "course", "mine").strip()
    assert place.run("iomux", "course", "mine").startswith("up to date")
    (place.folder / "mine/notebooks/04_select.ipynb").write_text("changed")
    place.run("iomux", "course", "mine", status=2)
    (place.folder / "mine/notebooks/04_select.ipynb").unlink()
    assert place.run("iomux", "course", "mine").startswith("1 file written")
    return first


def pages(place: Place) -> str:
    """Copied pages run from top to bottom, in both languages, without a network; what they read is beside them."""
    paths = [f"mine/notebooks/{page}.ipynb" for page in PAGES]
    place.run("jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", *paths, IOMUX_WITHOUT="network")
    return ", ".join(PAGES)


def marked(place: Place) -> str:
    """The coursework's tests mark a submission, without a clone."""
    (place.folder / "ada.py").write_text(SUBMISSION)
    tests = ("--pyargs", "iomux.course.coursework.test_submission", "-q", "-k", "echoes or half-close")
    return place.run("python", "-m", "pytest", *tests, SUBMISSION="ada.py:serve").splitlines()[-1]


TRIALS: tuple[Callable[[Place], str], ...] = (
    *(built, strict, complete, installed, command),
    *(typed, used, copied, pages, marked),
)


def _run(
    *command: str | Path, cwd: Path | None = None, environment: dict[str, str] | None = None, status: int = 0
) -> str:
    words = list(map(str, command))
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=1800)
    assert done.returncode == status, f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def main() -> int:
    """Make each trial in turn, print what came of it; the first that fails ends it."""
    if missing := [name for name in ("build", "twine", "mypy") if not find_spec(name)]:
        print(f"{', '.join(missing)}: not in this environment; bring it: pip install -e '.[test,release]'")
        return 2
    with tempfile.TemporaryDirectory(prefix="iomux-wheel-") as folder:
        for trial in TRIALS:
            began = time.monotonic()
            print(trial.__doc__, flush=True)
            try:
                print(f"  {trial(Place(Path(folder)))} ({time.monotonic() - began:.0f} s)", flush=True)
            except AssertionError as error:
                print(f"  FAILED: {error}", flush=True)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
