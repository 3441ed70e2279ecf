"""Record what notebook 10 shows of other people's loops: `python -m tests.loops.record`, where all of them are there.

That needs the extra `loops`, Debian's gcc, libevent-dev, golang-go, nodejs, default-jdk-headless, cargo and
librust-mio-dev, and strace. The file names the machine, the day, the commit and the command.
"""

import datetime
import importlib.metadata
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

import iomux
from iomux.course import loops
from iomux.course.loops.recorded import Recorded
from iomux.system.machine import describe
from tests.loops.traced import calls_per_request

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "notebooks" / "recorded_loops.json"
COMMAND = "python -m tests.loops.record"
OURS = ("epoll", "uvloop")
_VERSIONS = {
    "libevent": "dpkg-query -W -f=${Version} libevent-dev",
    "mio": "dpkg-query -W -f=${Version} librust-mio-dev",
    "Go": "go env GOVERSION",
    "Java NIO": "java --version",
    "Node": "node --version",
}


def record(path: Path = RECORDED, repeats: int = 5, seconds: float = 2.0) -> None:
    """Measure all programs, and save the record. Raises LookupError if one is missing: it must be complete."""
    with tempfile.TemporaryDirectory() as folder:
        lines = {loop.name: loops.build(loop, folder) for loop in loops.LOOPS}
        names = {line: name for name, line in lines.items()}
        contenders = [*OURS, *lines.values()]
        frames = [  # the warm-up of the first is long: the JVM and V8 compile meanwhile
            iomux.sweep(contenders, 100, active=None, repeats=repeats, duration=seconds, warmup=seconds),
            iomux.sweep(contenders, [1, 10, 100, 1000], active=1, repeats=repeats, duration=seconds / 4),
        ]
        every = {**{name: name for name in OURS}, **lines}
        asleep = {name: dict(loops.asleep_of(line)) for name, line in every.items()}
        calls = {name: calls_per_request(line) for name, line in every.items()}
    frame = pd.concat(frames).round(2)
    frame["server"] = frame["server"].replace(names)
    columns = {str(name): values for name, values in frame.to_dict("list").items()}
    Recorded(columns, asleep, calls, versions(), describe(), _when()).save(path)


def versions() -> dict[str, str]:
    """By server: the version of the framework or runtime."""
    found = {loop.name: importlib.metadata.version(loop.module) for loop in loops.LOOPS if loop.module}
    found |= {"epoll": sys.version.split()[0], "uvloop": importlib.metadata.version("uvloop")}
    for name, command in _VERSIONS.items():
        said = subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout
        number = re.search(r"\d+(\.\d+)+", said)
        found[name] = number[0] if number else said.strip()
    return found


def _when() -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    day = datetime.datetime.now(datetime.UTC).date()
    return f"{day}, by {COMMAND} at commit {commit.stdout.strip() or 'unknown'}"


if __name__ == "__main__":
    record()
