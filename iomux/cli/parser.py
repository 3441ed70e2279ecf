"""The command-line parser: the commands, their options, and their help texts."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from iomux.cli import commands, values
from iomux.cli.bench import bench as run_bench
from iomux.cli.check import check as run_check
from iomux.cli.compare import compare as run_compare
from iomux.cli.course import add_course
from iomux.cli.soak import add_soak
from iomux.system.features import DISTRIBUTION

_LOAD: tuple[tuple[str, Callable[[str], Any], str], ...] = (  # named as in iomux.sweep, which has the defaults
    ("connections", values.counts, "open connections (default: 1,10,100,1000)"),
    ("active", values.active, "how many of them send requests, or 'all' (default: 1)"),
    ("size", values.whole, "bytes a request (default: 64)"),
    ("duration", values.real, "measured seconds a run (default: 0.5)"),
    ("repeats", values.whole, "interleaved rounds (default: 3)"),
    ("rate", values.real, "planned requests a second: an open loop (default: a closed loop)"),
    ("arrivals", str, "of an open loop: poisson, an independent crowd, or even, a metronome (default: poisson)"),
    ("seed", values.whole, "of poisson: decides the planned times (default: drawn, and reported)"),
    ("port", values.port, "of a command: the port to give it, or which of its ports is meant (default: a free one)"),
)


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that prints its errors on one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


class _Version(argparse.Action):
    """The option --version; it looks up the version only on use, since that takes as long as starting Python."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"iomux {version(DISTRIBUTION)}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; each command's function is in `options.run`."""
    top = _Parser(prog="iomux", description="Learn I/O multiplexing: run real servers, load them, see where time goes.")
    top.add_argument("--version", action=_Version, nargs=0, help="print the version")
    subparsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    _add_serve(subparsers)
    _add_bench(subparsers)
    _add_compare(subparsers)
    _add_check(subparsers)
    add_soak(subparsers)
    add_course(subparsers)
    doctor = subparsers.add_parser("doctor", help="say what this machine can run, and how quiet it is")
    doctor.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    doctor.set_defaults(run=commands.doctor)
    return top


def _add_serve(subparsers: Any) -> None:
    serve = subparsers.add_parser("serve", help="run one server until it is interrupted: an echo, or a protocol")
    serve.add_argument("name", metavar="NAME", help="a registered server (see iomux doctor), or file.py:function")
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen on (default: %(default)s, this machine only)",
    )
    serve.add_argument("--port", type=values.port, default=0, help="the port (default: 0, the kernel chooses one)")
    speaks = serve.add_mutually_exclusive_group()
    speaks.add_argument("--http", type=Path, metavar="FOLDER", help="a web server of the files in FOLDER, for learning")
    speaks.add_argument("--redis", action="store_true", help="a small Redis in memory, for learning")
    serve.set_defaults(run=commands.serve)


def _add_bench(subparsers: Any) -> None:
    bench = subparsers.add_parser(
        "bench",
        help="load servers and compare them, or compare pollers without a server",
        description="Load servers at several numbers of connections, in interleaved rounds, and print a row for each "
        "run. Ctrl-C ends it with status 130, and what was measured by then is printed and written all the same.",
    )
    bench.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        help="registered servers, file.py:function, quoted commands with {port} in them, host:port of running ones; "
        "with --ring pollers (default: select poll epoll)",
    )
    for name, kind, what in _LOAD:
        bench.add_argument(f"--{name}", type=kind, default=argparse.SUPPRESS, help=what)
    bench.add_argument(
        "--ring",
        type=values.ring,
        metavar="N,A,W",
        help="no server and no load: pass bytes along a ring of N socket pairs, A at once, until W were forwarded",
    )
    bench.add_argument("--csv", type=Path, metavar="FILE", help="write the rows to a file as well")
    bench.add_argument("--save", type=Path, metavar="FILE.json", help="write the rows for iomux compare")
    bench.add_argument("--json", action="store_true", help="print the rows as one JSON array, and nothing else")
    bench.add_argument("--plot", type=Path, metavar="FILE.png", help="draw latency against connections, or the ring")
    bench.set_defaults(run=run_bench, loads=[name for name, _, _ in _LOAD])


def _add_compare(subparsers: Any) -> None:
    compare = subparsers.add_parser(
        "compare",
        help="compare two sweeps that bench has saved: faster, slower, or not to be told",
        description="Compare two files of iomux bench --save, server by server and level by level. The rounds of two "
        "files don't pair, so all of the one are compared with all of the other: by the test of Mann and Whitney, "
        "with the 95 % interval of the ratio that belongs to it. Four rounds in each are enough for a verdict, ten "
        "are better. Ends with status 0 whatever the verdicts are, and 2 if the files can't be compared.",
    )
    compare.add_argument("before", metavar="BEFORE.json", type=Path, help="the sweep to compare with")
    compare.add_argument("after", metavar="AFTER.json", type=Path, help="the sweep to be judged")
    compare.add_argument("--column", default="p50_us", help="what is compared (default: %(default)s)")
    compare.set_defaults(run=run_compare)


def _add_check(subparsers: Any) -> None:
    check = subparsers.add_parser(
        "check",
        help="test a server for all that a correct echo server, store or web server does; status 1 if it fails",
        description="Test a server item by item. Each failure shows what was sent and what came, the shortest "
        "conversation that still fails, as a command to run, a hint, and where to read. Ends with status 0 if the "
        "server passed, 1 if an item failed, 2 if it was asked for wrongly, and 3 if nothing failed, but this machine "
        "kept some items from being tried.",
    )
    check.add_argument(
        "target",
        metavar="TARGET",
        help="a registered server, file.py:function, host:port of a running one, or a quoted command, with {port} in "
        "it or its own port in the program",
    )
    check.add_argument(
        "--port",
        type=values.port,
        help="of a command: the port to give it, or which of its ports is meant (default: a free one, or its only one)",
    )
    speaks = check.add_mutually_exclusive_group()
    speaks.add_argument(
        "--http", action="store_true", help="it serves the folder {folder} over HTTP/1.1: test that, in five stages"
    )
    speaks.add_argument("--redis", action="store_true", help="it speaks Redis' protocol: test that, in five stages")
    check.add_argument(
        "--path", metavar="/PAGE", help="with --http, for a server that serves something else: a page of it"
    )
    check.add_argument(
        "--only",
        type=values.items,
        metavar="ITEM,ITEM",
        help="test only these items, by their names in a report (default: all)",
    )
    check.add_argument(
        "--seconds",
        type=values.real,
        help="how long to go on once an item has failed (default: 25, of --http 60); one that passes has all the time",
    )
    form = check.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the report as one JSON object, and nothing else")
    form.add_argument("--markdown", action="store_true", help="print the report as Markdown, for a pull request")
    check.add_argument("--junit", type=Path, metavar="FILE", help="write the report to a file as well, as JUnit XML")
    check.add_argument(
        "--watch",
        action="store_true",
        help="whenever the file is saved, test what failed again, until Ctrl-C; for file.py:function or a command",
    )
    check.set_defaults(run=run_check)
