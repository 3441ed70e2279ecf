"""The catalogue: which loops there are, in which language, how each is built, run and got.

A program is named by one file or folder in `sources`, its command lines by templates: {source} and {folder}, where it
is built, are replaced; {port} stays, for `iomux.start`. Cost: none; nothing is built here.
"""

import importlib.util
import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from iomux.system.features import hidden, install

SOURCES = Path(__file__).parent / "sources"
"""The folder of the sources."""
_PYTHON = "{python} {source} {port}"
_PIP = install("loops")


class Loop(NamedTuple):
    """One framework or runtime, and the echo server on it."""

    name: str
    """Its short name, for tables and figures."""
    language: str
    source: str
    """The program: a file or folder in `SOURCES`."""
    run: str
    """The command line that runs it."""
    get: str
    """How to get what it needs."""
    build: str = ""
    """The command line that builds it, run in {folder}, with the source there; empty if there is nothing to build."""
    module: str = ""
    """The Python package that it imports; empty for other languages."""

    def line(self, template: str, folder: Path) -> str:
        """A command line, with the paths in place."""
        values = {"{source}": SOURCES / self.source, "{folder}": folder, "{python}": sys.executable}
        for name, value in values.items():
            template = template.replace(name, shlex.quote(str(value)))
        return template

    def why_not(self) -> str:
        """Why it can't be tried here, as far as that is known before it is built; empty if it can."""
        if self.name in hidden():
            return "hidden by the environment variable IOMUX_WITHOUT"
        if self.module:
            installed = importlib.util.find_spec(self.module)
            return "" if installed else f"{self.module} is not installed: {self.get}"
        needed = (shlex.split(line)[0] for line in (self.build, self.run) if line)
        lacking = [program for program in needed if "{" not in program and not shutil.which(program)]
        return f"there is no program {lacking[0]!r} here: {self.get}" if lacking else ""


LOOPS = (
    Loop(
        "libevent",
        "C",
        "echo_libevent.c",
        "{folder}/echo_libevent {port}",
        "Debian's gcc, libc6-dev and libevent-dev",
        "cc -O2 -o echo_libevent echo_libevent.c -levent",
    ),
    Loop(
        "mio",
        "Rust",
        "echo_mio",
        "{folder}/target/release/echo_mio {port}",
        "Debian's cargo and librust-mio-dev",
        "cargo build --release --offline --config debian.toml",
    ),
    Loop("Go", "Go", "echo_go.go", "{folder}/echo_go {port}", "Debian's golang-go", "go build -o echo_go echo_go.go"),
    Loop(
        "Java NIO",
        "Java",
        "EchoNio.java",
        "java -cp {folder} EchoNio {port}",
        "Debian's default-jdk-headless",
        "javac -d . EchoNio.java",
    ),
    Loop("Node", "JavaScript", "echo_node.mjs", "node {source} {port}", "Debian's nodejs"),
    Loop("gevent", "Python", "echo_gevent.py", _PYTHON, _PIP, module="gevent"),
    Loop("Twisted", "Python", "echo_twisted.py", _PYTHON, _PIP, module="twisted"),
    Loop("Tornado", "Python", "echo_tornado.py", _PYTHON, _PIP, module="tornado"),
    Loop("trio", "Python", "echo_trio.py", _PYTHON, _PIP, module="trio"),
)
"""All of them, those in compiled languages first."""
