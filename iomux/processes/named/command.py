"""A command line that starts a server: its words, its environment, where its port goes, and whether it can be run.

It is run without a shell, so that its process is the server itself and not a shell between: quotes and backslashes mean
what they mean to sh, assignments at its front (`PORT={port} node x.js`) go into the environment, and every other thing
that only a shell does is refused. What is not there is a wrong use, and is said before anything is started.
"""

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.")
_SHELL = re.compile(r"\|\|?|&&?|[;<>`]|\$[\w({]")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_SOURCES = {
    "python": (".py", ".pyz"),
    "pypy": (".py", ".pyz"),
    "node": (".js", ".mjs", ".cjs", ".ts"),
    "nodejs": (".js", ".mjs", ".cjs", ".ts"),
    "ruby": (".rb",),
    "perl": (".pl",),
    "php": (".php",),
    "lua": (".lua",),
    "sh": (".sh",),
    "bash": (".sh",),
}
"""The names of interpreters, and how the names of their programs end."""
_NO_FILE = frozenset({"-c", "-m", "-e", "-p", "--eval", "--print", "-"})  # options after which no file is named
_PYTHON_VALUES = frozenset({"-X", "-W", "--check-hash-based-pycs"})  # options of python that have a value


@dataclass(frozen=True)
class Command:
    """A command line: its text, its words, and what it adds to the environment; `{port}` stands for its port."""

    line: str
    words: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    """What a report says of how it is run."""

    @property
    def takes_port(self) -> bool:
        """Whether it says where its port goes; if not, the port stands in the program."""
        return any("{port}" in text for text in (*self.words, *(value for _, value in self.environment)))

    def at(self, port: int) -> tuple[list[str], dict[str, str]]:
        """Its words and its whole environment, with a port in place of `{port}`."""
        words = [word.replace("{port}", str(port)) for word in self.words]
        return words, os.environ | {name: value.replace("{port}", str(port)) for name, value in self.environment}


def is_command(text: str) -> bool:
    """Whether a text is a command line: it has `{port}` in it, or several words, or is the path of a program."""
    if "{port}" in text:
        return True
    words = text.split()
    if ".py:" in text:  # of a file in a folder with a blank in its name, or of a program that takes such a name
        return len(words) > 1 and shutil.which(words[0]) is not None and not Path(text.rpartition(":")[0]).exists()
    return len(words) > 1 or ("/" in text and not text.endswith(".py"))


def parse(line: str) -> Command:
    """The command of a line. Raises ValueError for a line that only a shell can run, LookupError if it is not there.

    Example:
    >>> from iomux.processes.named.command import parse
    >>> parse("PORT={port} sh -c 'exit 1'").words
    ('sh', '-c', 'exit 1')
    """
    if found := _SHELL.search(_QUOTED.sub("", line)):
        inner = "bash -c " + (f"'{line}'" if "'" not in line else "'…'")
        raise ValueError(f"{found[0]!r} is for a shell, and a command line is run without one: write {inner}")
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise ValueError(f"{line!r} is no command line: {str(error).lower()}") from None
    environment = list[tuple[str, str]]()
    while words and (assigned := _ASSIGNMENT.fullmatch(words[0])):
        environment.append((assigned[1], assigned[2]))
        del words[0]
    if not words:
        raise ValueError(f"{line!r} names no program: write it as PORT={{port}} node x.js")
    command = Command(line, tuple(words), tuple(environment))
    _check_program(words[0], dict(environment).get("PATH", os.environ.get("PATH")))
    _check_file(words)
    return command


def _check_program(word: str, path: str | None) -> None:
    if "{port}" in word or shutil.which(word, path=path):
        return
    if "/" not in word:
        raise LookupError(f"there is no program {word!r} on this machine's PATH: is it installed, and written so?")
    if not Path(word).exists():
        raise LookupError(f"there is no program {word}: is the path right, seen from {Path.cwd()}?")
    if Path(word).is_dir():
        raise LookupError(f"{word} is a folder: name the program in it")
    raise LookupError(f"{word} is not executable: chmod +x {word}, or name its interpreter, as in python {word}")


def _check_file(words: list[str]) -> None:
    """Raise LookupError if an interpreter is to run a file that is not there."""
    for place, word in enumerate(words):
        language = re.sub(r"[\d.]+$", "", Path(word).name)
        if language in _SOURCES:
            for file in _program(words[place + 1 :], language):
                if "{port}" not in file and not Path(file).exists():
                    raise LookupError(f"there is no file {file}, which {word} is to run: seen from {Path.cwd()}")
            return


def _program(words: list[str], language: str) -> Iterator[str]:
    """The file that an interpreter runs, as far as that can be told without knowing all of its options."""
    skip = False
    for word in words:
        if word in _NO_FILE or (word.startswith("-c") and language != "node"):
            return
        if skip or word.startswith("-"):
            skip = not skip and language in ("python", "pypy") and word in _PYTHON_VALUES
            continue
        if language in ("python", "pypy") or word.endswith(_SOURCES[language]):
            yield word
            return


def numbers_of(*words: str) -> set[int]:
    """The numbers that words, or the files that they name, have in them and that may be ports."""
    texts = list(words)
    for word in words:
        if Path(word).is_file() and Path(word).stat().st_size < 1 << 20:
            texts.append(Path(word).read_text(errors="replace"))
    return {number for text in texts for number in numbers_in(text)}


def numbers_in(text: str) -> set[int]:
    """The numbers in a text that may be the ports of a user's server."""
    return {int(number) for number in re.findall(r"(?<![\w.])\d{4,5}(?![\w.]\d)", text) if 1024 <= int(number) < 65536}
