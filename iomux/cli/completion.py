"""Completion in a shell by argcomplete, if that is installed: commands, options, servers, items, files.

argcomplete runs the command once more with the line so far in the environment, and prints what may follow
(https://kislyuk.github.io/argcomplete). Nothing of it is imported otherwise.
"""

import argparse
import os
from collections.abc import Iterable

from iomux.cli import values


def complete(parser: argparse.ArgumentParser) -> None:
    """If a shell asks for it, print what may follow, and end this process."""
    if "_ARGCOMPLETE" in os.environ:
        try:
            import argcomplete
        except ImportError:  # the extra `completion`
            return
        argcomplete.autocomplete(parser, default_completer=_what_may_follow)  # type: ignore[arg-type]


def _what_may_follow(
    prefix: str, action: argparse.Action, parsed_args: argparse.Namespace, **_: object
) -> Iterable[str]:
    """The values of an argument that begin with `prefix`; of numbers and names that are free, none."""
    if action.choices is not None:
        return map(str, action.choices)
    if action.type is values.items:
        before, comma, _last = prefix.rpartition(",")
        return (f"{before}{comma}{name}" for name in _items(parsed_args))
    if action.metavar in ("NAME", "TARGET"):
        return [*_servers(parsed_args), *_files(prefix, "py")]
    return _files(prefix) if action.type is values.path else ()


def _items(options: argparse.Namespace) -> Iterable[str]:
    from iomux.conformance.check import NAMES, STAGED_NAMES

    return next((names for protocol, names in STAGED_NAMES.items() if getattr(options, protocol, False)), NAMES)


def _servers(options: argparse.Namespace) -> list[str]:
    from iomux import servers
    from iomux.servers import pollers

    return pollers.names() if getattr(options, "ring", None) else servers.names()


def _files(prefix: str, *endings: str) -> Iterable[str]:
    from argcomplete.completers import FilesCompleter

    found: Iterable[str] = FilesCompleter(endings)(prefix)
    return found
