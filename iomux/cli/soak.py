"""The command soak: its options, and the run; the report goes to standard output, progress to standard error."""

import argparse
import json
from collections.abc import Callable
from typing import Any

from iomux.cli import values
from iomux.cli.terminal.outputs import say
from iomux.cli.terminal.parsing import examples

_SOAK: tuple[tuple[str, Callable[[str], Any], str], ...] = (  # named as in iomux.soak, which has the defaults
    ("minutes", values.real, "how long (default: 5, at most 60)"),
    ("clients", values.whole, "how many at once, at most 1,000 (default: 200; 1 for blocking, which serves one)"),
    ("seed", values.whole, "decides what each client does (default: drawn, and reported)"),
    ("deadline", values.real, "seconds without an answer after which a client counts as lost (default: 10)"),
    ("port", values.port, "for a command without {port}: which of its ports is meant (default: the one that it opens)"),
)
_SPOKEN = (
    ("http", "its clients ask a web server for parts of a file; NAME is a registered server"),
    ("redis", "its clients send a Redis transactions; NAME is a registered server, or any that speaks it"),
)


def add_soak(subparsers: Any) -> None:
    """Add the command and its options to a parser."""
    parser = subparsers.add_parser(
        "soak",
        help="for minutes, run hundreds of clients that half-close, reset and vanish; account for every byte",
        description="Run a server and let real clients connect, send in pieces, read slowly, half-close, reset and "
        "vanish, at random and all at the same time. Ends with status 1 if anything was lost: a byte, an answer, a "
        "descriptor of the server, or its memory. Ctrl-C ends it in order and reports the results so far, with status "
        "130; so does SIGTERM, with 143.",
        epilog=examples(
            ("soak epoll --minutes 5", "200 clients at once, for five minutes"),
            ("soak my_server.py:serve --clients 50 --seed 1", "with the same seed the clients do the same again"),
            ("soak epoll --http", "its clients ask a web server for parts of a file"),
            ("soak \"redis-server --port {port} --save ''\" --redis", "a real Redis, as it is"),
            ("soak poll --minutes 10 --json > soak.json", "in a script: the report alone, as JSON"),
        ),
    )
    parser.add_argument(
        "name",
        metavar="NAME",
        help="an echo server: registered (see iomux doctor), file.py:function, a quoted command with {port} in it, or "
        "host:port of a running one, whose memory and descriptors are not seen",
    )
    speaks = parser.add_mutually_exclusive_group()
    for name, what in _SPOKEN:
        speaks.add_argument(f"--{name}", dest="protocol", action="store_const", const=name, help=what)
    for name, kind, what in _SOAK:
        parser.add_argument(f"--{name}", type=kind, default=argparse.SUPPRESS, help=what)
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object, and nothing else")
    parser.set_defaults(run=soak, soaks=["protocol", *(name for name, _, _ in _SOAK)])


def soak(options: argparse.Namespace) -> int:
    """Soak a server and print the report; return 1 if something was lost, else 130 if it was interrupted, else 0."""
    from iomux.harness.soak.soak import soak as run_soak

    given = {name: getattr(options, name) for name in options.soaks if name in options}
    try:
        report = run_soak(options.name, progress=not options.json, **given)
    except RuntimeError as error:  # the server did not start, or the clients failed; the message has the traceback
        say(f"iomux soak: {error}")
        return 1
    print(json.dumps(report.as_dict(), indent=1) if options.json else f"{report}\nmeasured on {report.machine}")
    return 1 if report.lost else 130 if report.interrupted else 0
