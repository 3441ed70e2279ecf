"""Programs of others that speak to a server of ours, as data, and the table of what came of it."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SECONDS = 60


@dataclass(frozen=True)
class Client:
    """A command, with names in braces for what is put in ({python}: this one), and what its output has to match."""

    command: str
    passed: str
    version: str = "--version"
    """What the program is asked for its version; empty if it tells none."""
    said: str = ""
    """What it reads on its standard input."""
    module: str = ""
    """The package of Python that it needs."""

    @property
    def program(self) -> str:
        """The name of the program."""
        return self.command.split()[0].replace("{python}", sys.executable)

    @property
    def is_here(self) -> bool:
        """Whether this machine has the program, and what it needs."""
        return bool(shutil.which(self.program)) and not (self.module and not importlib.util.find_spec(self.module))


def output(client: Client, places: Mapping[str, object]) -> str:
    """What the program prints, on both its streams."""
    return _printed(shlex.split(client.command.format(python=sys.executable, **places)), client.said)


def version(client: Client) -> str:
    """The program's version, as far as it tells."""
    found = client.version and re.search(r"\d+\.\d+(\.\d+)?", _printed([client.program, *shlex.split(client.version)]))
    return found[0] if found else "?"


def table(clients: Iterable[Client], places: Mapping[str, object]) -> bool:
    """Print a line for each: whether it passed, its version, its command; return whether all are here and passed."""
    fine = True
    for client in clients:
        passed = client.is_here and bool(re.search(client.passed, output(client, places)))
        word = "passed" if passed else "FAILED" if client.is_here else "not here"
        shown = client.command.replace("{{", "{").replace("}}", "}") + (" < commands" if client.said else "")
        print(f"{word:8} {version(client) if client.is_here else '-':8} {shown}", flush=True)
        fine = fine and passed
    return fine


def _printed(command: list[str], said: str = "") -> str:
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    return subprocess.run(command, input=said.encode(), stdout=pipe, stderr=both, timeout=_SECONDS).stdout.decode(
        "latin-1"
    )
