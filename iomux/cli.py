"""The command line: `iomux serve`, `iomux bench`, `iomux check`, `iomux soak`, `iomux doctor`.

Results go to standard output, progress and warnings to standard error. Wrong use ends with status 2 and
one line that says what is wrong, why, and what to do; of a user's file that can't be imported, what Python says.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from iomux import cli_commands as commands
from iomux.cli_bench import bench as run_bench


class _Parser(argparse.ArgumentParser):
    """argparse, with its errors on one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


class _Version(argparse.Action):
    """--version, looked up only where it is asked for: the look-up takes as long as Python's own start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"iomux {version('iomux')}")
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, LookupError, OSError) as error:
        print(f"iomux {options.command}: {_one_line(error)}", file=sys.stderr)
        return 2
    except ImportError as error:  # in the user's file, or something to install: lines of their own
        print(f"iomux {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(f"iomux {options.command}: {': '.join(['interrupted', *map(str, interrupt.args)])}", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="iomux", description="Learn I/O multiplexing: run real servers, load them, see where time goes."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    _add_serve(subparsers)
    _add_bench(subparsers)
    _add_check(subparsers)
    _add_soak(subparsers)
    doctor = subparsers.add_parser("doctor", help="say what this machine can run, and why not the rest")
    doctor.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    doctor.set_defaults(run=commands.doctor)
    return parser


def _add_serve(subparsers: Any) -> None:
    serve = subparsers.add_parser("serve", help="run one server until it is interrupted")
    serve.add_argument("name", metavar="NAME", help="a registered server (see iomux doctor), or file.py:function")
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen on (default: %(default)s, this machine only)",
    )
    serve.add_argument("--port", type=_port, default=0, help="the port (default: 0, the kernel chooses a free one)")
    serve.set_defaults(run=commands.serve)


def _add_bench(subparsers: Any) -> None:
    bench = subparsers.add_parser("bench", help="load servers and compare them, or compare pollers without a server")
    bench.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        help="registered servers, or file.py:function; with --ring pollers (default: select poll epoll)",
    )
    for name, kind, what in _LOAD:
        bench.add_argument(f"--{name}", type=kind, default=argparse.SUPPRESS, help=what)
    bench.add_argument(
        "--ring",
        type=_ring,
        metavar="N,A,W",
        help="no server and no load: hand bytes along a ring of N socket pairs, A at once, until W were written on",
    )
    bench.add_argument("--csv", type=Path, metavar="FILE", help="write the rows to a file as well")
    bench.add_argument("--json", action="store_true", help="print the rows as one JSON array, and nothing else")
    bench.add_argument("--plot", type=Path, metavar="FILE.png", help="draw latency against connections, or the ring")
    bench.set_defaults(run=run_bench, loads=[name for name, _, _ in _LOAD])


def _add_check(subparsers: Any) -> None:
    check = subparsers.add_parser(
        "check",
        help="try a server for all that a correct echo server does; status 1 if it fails",
    )
    check.add_argument(
        "target",
        metavar="TARGET",
        help="a registered server, file.py:function, host:port of a running one, or a quoted command with {port} in it",
    )
    check.add_argument(
        "--only",
        type=_items,
        metavar="ITEM,ITEM",
        help="try only these, by their names in a report (default: all)",
    )
    check.add_argument("--json", action="store_true", help="print the report as one JSON object, and nothing else")
    check.set_defaults(run=commands.check)


def _items(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _add_soak(subparsers: Any) -> None:
    soak = subparsers.add_parser(
        "soak",
        help="hundreds of clients that half-close, reset and vanish, for minutes, each byte accounted for",
        description="Run a server and let real clients connect, send in pieces, read slowly, half-close, reset and "
        "vanish, at random and in each other's midst. Ends with status 1 if anything was lost: a byte, an answer, a "
        "descriptor of the server, or its memory. Ctrl-C ends it in order and reports what there is.",
    )
    soak.add_argument("name", metavar="NAME", help="an echo server: registered (see iomux doctor), or file.py:function")
    for name, kind, what in _SOAK:
        soak.add_argument(f"--{name}", type=kind, default=argparse.SUPPRESS, help=what)
    soak.add_argument("--json", action="store_true", help="print the report as one JSON object, and nothing else")
    soak.set_defaults(run=commands.soak, soaks=[name for name, _, _ in _SOAK])


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give 0 (any free one) to 65535")
    return int(text)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number: write it as 64") from None


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number: write it as 0.5") from None


def _counts(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers: write it as 1,10,100") from None


def _ring(text: str) -> tuple[int, int, int]:
    try:
        pairs, active, writes = (int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no ring: write it as 128,100,1000, for pairs, active and writes"
        ) from None
    return pairs, active, writes


def _active(text: str) -> int | None:
    if text == "all":
        return None
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of active connections: give a number, or 'all'"
        ) from None


_LOAD: tuple[tuple[str, Callable[[str], Any], str], ...] = (  # as iomux.sweep calls them; the defaults are its own
    ("connections", _counts, "open connections (default: 1,10,100,1000)"),
    ("active", _active, "how many of them ask, or 'all' (default: 1)"),
    ("size", _whole, "bytes a request (default: 64)"),
    ("duration", _real, "measured seconds a run (default: 0.5)"),
    ("repeats", _whole, "interleaved rounds (default: 3)"),
    ("rate", _real, "planned requests a second: an open loop (default: a closed loop)"),
)


_SOAK: tuple[tuple[str, Callable[[str], Any], str], ...] = (  # as iomux.soak calls them; the defaults are its own
    ("minutes", _real, "how long (default: 5, at most 60)"),
    ("clients", _whole, "how many at once (default: 200; 1 for blocking, which serves one at a time; at most 1,000)"),
    ("seed", _whole, "decides what each client does (default: drawn, and reported)"),
    ("deadline", _real, "seconds without an answer after which a client counts as lost (default: 10)"),
)


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror.lower()}{f': {error.filename}' if error.filename else ''}"
    return " ".join(str(error.args[0] if isinstance(error, LookupError) and error.args else error).split())
