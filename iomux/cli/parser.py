"""The command-line parser: the commands, their options, and their help texts."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from iomux.cli import commands, values
from iomux.cli.bench import bench as run_bench
from iomux.cli.check import add_check
from iomux.cli.compare import add_compare
from iomux.cli.completion import complete
from iomux.cli.course import add_course
from iomux.cli.lab import add_lab
from iomux.cli.soak import add_soak
from iomux.cli.terminal.parsing import Parser, Version, examples
from iomux.processes.sharing.listeners import SHARINGS

_LOAD: tuple[tuple[str, Callable[[str], Any], str], ...] = (  # named as in iomux.sweep, which has the defaults
    ("connections", values.counts, "open connections (default: 1,10,100,1000)"),
    ("active", values.active, "how many of them send requests, or 'all' (default: 1)"),
    ("size", values.whole, "bytes a request (default: 64)"),
    ("duration", values.real, "measured seconds a run (default: 0.5)"),
    ("repeats", values.whole, "interleaved rounds (default: 3)"),
    ("rate", values.real, "planned requests a second: an open loop (default: a closed loop)"),
    ("arrivals", str, "of an open loop: poisson, an independent crowd, or even, a metronome (default: poisson)"),
    ("seed", values.whole, "of poisson: decides the planned times (default: drawn, and reported)"),
    ("processes", values.whole, "load generators that share the connections (default: 1)"),
    ("port", values.port, "of a command: the port to give it, or which of its ports is meant (default: a free one)"),
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command line; each command's function is `run`. Ends with status 2 if it is wrong."""
    top = parser()
    complete(top)
    options, unknown = top.parse_known_args(arguments)
    if unknown:
        options.parser.unknown(unknown)
    return options


def parser() -> Parser:
    """The parser of the whole command line; each command's function is in `options.run`."""
    top = Parser(
        prog="iomux",
        description="Learn I/O multiplexing: run real servers, load them, see where time goes. The exit status is 0 "
        "if all is right, 1 if something is wrong, 2 if it was asked for wrongly, and 130 or 143 if it was interrupted "
        "by Ctrl-C or SIGTERM.",
        epilog=examples(
            ("doctor", "what this machine can run"),
            ("serve epoll", "an echo server, until Ctrl-C"),
            ("bench select poll epoll --connections 1,100,1000", "compare three of them under load"),
            ("check my_server.py:serve", "what is wrong with a server, item by item"),
            ("soak epoll --minutes 5", "many rude clients, for minutes"),
            ("check --help", "the options and examples of a command"),
        ),
    )
    top.add_argument("--version", action=Version, nargs=0, help="print the version")
    subparsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for add in (_add_serve, _add_bench, add_compare, add_check, add_soak, add_course, add_lab, _add_doctor):
        add(subparsers)
    for one in subparsers.choices.values():
        one.set_defaults(parser=one)
    return top


def _add_serve(subparsers: Any) -> None:
    serve = subparsers.add_parser(
        "serve",
        help="run one server until it is interrupted: an echo, or a protocol",
        description="Run one server, or several processes of it at one address. Ctrl-C and SIGTERM end it with status "
        "0. It ends with status 1 if the server fails, and 2 if it was asked for wrongly.",
        epilog=examples(
            ("serve epoll", "an echo server at a free port, which is printed"),
            ("serve my_server.py:serve --port 8000", "the function serve of a file"),
            ("serve epoll --processes 4", "four processes at one address"),
            ("serve epoll --http .", "a web server of the files in this folder"),
            ("serve poll --redis --port 6379", "a small Redis"),
        ),
    )
    serve.add_argument("name", metavar="NAME", help="a registered server (see iomux doctor), or file.py:function")
    serve.add_argument(
        "--host",
        type=values.given,
        default="127.0.0.1",
        help="the address to listen on (default: %(default)s, this machine only)",
    )
    serve.add_argument("--port", type=values.port, default=0, help="the port (default: 0, the kernel chooses one)")
    serve.add_argument(
        "--processes", type=values.whole, metavar="N", help="how many run it at the same address (default: one alone)"
    )
    serve.add_argument(
        "--sharing",
        choices=SHARINGS,
        help="how these share it: a listener each, one for all, or one on which epoll wakes one sleeper (default: "
        f"{SHARINGS[0]})",
    )
    speaks = serve.add_mutually_exclusive_group()
    speaks.add_argument(
        "--http", type=values.path, metavar="FOLDER", help="a web server of the files in FOLDER, for learning"
    )
    speaks.add_argument("--redis", action="store_true", help="a small Redis in memory, for learning")
    serve.set_defaults(run=commands.serve)


def _add_bench(subparsers: Any) -> None:
    bench = subparsers.add_parser(
        "bench",
        help="load servers and compare them, or compare pollers without a server",
        description="Load servers at several numbers of connections, in interleaved rounds, and print a row for each "
        "run. Ctrl-C ends it with status 130, SIGTERM with 143, and what was measured by then is printed and written "
        "all the same. Ends with status 1 if a server could not be measured, and the number of clients is not why.",
        epilog=examples(
            ("bench select poll epoll", "three servers at 1, 10, 100 and 1,000 connections"),
            ("bench poll epoll --connections 1,100,10000 --plot latency.png", "others, and a figure"),
            ("bench my_server.py:serve epoll --rate 2000", "at a planned rate instead of as fast as it goes"),
            ("bench epoll --connections 20000 --processes 2", "load from two processes"),
            ("bench epoll --repeats 10 --save before.json", "for iomux compare"),
            ("bench --ring 8192,100,1000", "pollers without a server: pairs, active, writes"),
        ),
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
    bench.add_argument("--csv", type=values.path, metavar="FILE", help="write the rows to a file as well")
    bench.add_argument("--save", type=values.path, metavar="FILE.json", help="write the rows for iomux compare")
    bench.add_argument("--json", action="store_true", help="print the rows as one JSON array, and nothing else")
    bench.add_argument(
        "--plot", type=values.path, metavar="FILE.png", help="draw latency against connections, or the ring"
    )
    bench.set_defaults(run=run_bench, loads=[name for name, _, _ in _LOAD])


def _add_doctor(subparsers: Any) -> None:
    doctor = subparsers.add_parser(
        "doctor",
        help="say what this machine can run, and how quiet it is",
        description="Say what this machine can run, and why not the rest; then measure for two seconds how quiet it "
        "is, and say what that does to figures.",
        epilog=examples(
            ("doctor", "two tables, the limits, and some sentences"),
            ("doctor --json > machine.json", "the same for a program"),
        ),
    )
    doctor.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    doctor.set_defaults(run=commands.doctor)
