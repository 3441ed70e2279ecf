"""What all parsers of the command line share: an error is one line with the nearest name, and help ends in examples."""

import argparse
import re
import textwrap
from typing import Any, NoReturn

from iomux.system.features import DISTRIBUTION
from iomux.system.limits import did_you_mean

_EXAMPLES, _BESIDE = "examples:\n", "  # "
_CHOICE = re.compile(r"invalid choice: '(?P<word>.*?)' \(choose from (?P<known>.*)\)")


def examples(*lines: tuple[str, str]) -> str:
    """The end of a help text, from what is typed after `iomux`, and what that does."""
    return _EXAMPLES + "\n".join(f"iomux {typed}{_BESIDE}{what}" for typed, what in lines)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that prints its errors on one line, and leaves the lines of examples whole."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options | {"formatter_class": _Help})  # type: ignore[arg-type]

    def print_help(self, file: Any = None) -> None:
        """Print the help; argparse's own passes over an OSError, such as of a reader that left."""
        print(self.format_help(), end="", file=file)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and what was probably meant."""
        near = ""
        if wrong := _CHOICE.search(message):
            near = did_you_mean(wrong["word"], re.findall(r"[\w-]+", wrong["known"]))
        self.refuse(message, near)

    def unknown(self, arguments: list[str]) -> NoReturn:
        """Say that this command knows no such arguments."""
        near = did_you_mean(arguments[0].partition("=")[0], self._option_string_actions)
        self.refuse(f"unrecognized arguments: {' '.join(arguments)}", near)

    def refuse(self, message: str, near: str) -> NoReturn:
        """End with status 2, after one line."""
        self.exit(2, f"{self.prog}: {message}; {near}see {self.prog} --help\n")


class _Help(argparse.HelpFormatter):
    """Help in which a command to be typed is never broken; what it does stands below it."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if not text.startswith(_EXAMPLES):
            return super()._fill_text(text, width, indent)
        lines = [_EXAMPLES.rstrip()]
        for line in text.removeprefix(_EXAMPLES).splitlines():
            typed, _, what = line.partition(_BESIDE)
            lines += [f"  {typed}", *textwrap.wrap(what, width, initial_indent=" " * 6, subsequent_indent=" " * 6)]
        return "\n".join(lines)


class Version(argparse.Action):
    """The option --version; it looks up the version only on use, since that takes as long as starting Python."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print it, and end."""
        from importlib.metadata import version

        print(f"iomux {version(DISTRIBUTION)}")
        parser.exit()
