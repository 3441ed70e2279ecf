"""The command check: test a server item by item, and print or write the report in the form that is asked for."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from iomux.cli import values
from iomux.cli.terminal.outputs import check_output
from iomux.cli.terminal.parsing import examples

if TYPE_CHECKING:
    from iomux.conformance.report import Report


def add_check(subparsers: Any) -> None:
    """Add the command and its options to a parser."""
    parser = subparsers.add_parser(
        "check",
        help="test a server for all that a correct echo server, store or web server does; status 1 if it fails",
        description="Test a server item by item. Each failure shows what was sent and what came, the shortest "
        "conversation that still fails, as a command to run, a hint, and where to read. Ends with status 0 if the "
        "server passed, 1 if an item failed, 2 if it was asked for wrongly, and 3 if nothing failed, but this machine "
        "kept some items from being tried.",
        epilog=examples(
            ("check epoll", "a registered server, all items"),
            ("check my_server.py:serve", "the function serve of a file"),
            ("check --watch my_server.py:serve", "what failed is tried again whenever the file is saved"),
            ("check my_server.py:serve --only echoes,half-close", "two items only"),
            ('check "PORT={port} node server.js" --json > report.json', "a program in any language, and JSON"),
            ('check --http "python3 server.py {port} {folder}"', "a web server, in five stages"),
            ("check --wire my_server.py:serve", "over a wire, too: a slow link, a lost packet, a host that is gone"),
            ("check --redis localhost:6379", "a Redis that runs already"),
        ),
    )
    _add_what(parser)
    _add_how(parser)
    _add_forms(parser)
    parser.set_defaults(run=check)


def _add_what(parser: argparse.ArgumentParser) -> None:
    """What is tested, and what it speaks."""
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="a registered server, file.py:function, host:port of a running one, or a quoted command, with {port} in "
        "it or its own port in the program",
    )
    parser.add_argument(
        "--port",
        type=values.port,
        help="of a command: the port to give it, or which of its ports is meant (default: a free one, or its only one)",
    )
    speaks = parser.add_mutually_exclusive_group()
    speaks.add_argument(
        "--http", action="store_true", help="it serves the folder {folder} over HTTP/1.1: test that, in five stages"
    )
    speaks.add_argument("--redis", action="store_true", help="it speaks Redis' protocol: test that, in five stages")
    parser.add_argument(
        "--path", metavar="/PAGE", help="with --http, for a server that serves something else: a page of it"
    )


def _add_how(parser: argparse.ArgumentParser) -> None:
    """Which items, for how long, and whether over a wire."""
    parser.add_argument(
        "--only",
        type=values.items,
        metavar="ITEM,ITEM",
        help="test only these items, by their names in a report (default: all)",
    )
    parser.add_argument(
        "--seconds",
        type=values.real,
        help="how long to go on once an item has failed (default: 25, of --http 60); one that passes has all the time",
    )
    parser.add_argument(
        "--wire", action="store_true", help="try what only a wire can show, too, on hosts of a network made for it"
    )
    parser.add_argument(
        "--lets-go",
        type=values.real,
        metavar="SECONDS",
        help="with --wire: within what time the server promises to let go of a client whose host is gone",
    )


def _add_forms(parser: argparse.ArgumentParser) -> None:
    """What is made of the report."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the report as one JSON object, and nothing else")
    form.add_argument("--markdown", action="store_true", help="print the report as Markdown, for a pull request")
    parser.add_argument(
        "--junit", type=values.path, metavar="FILE", help="write the report to a file as well, as JUnit XML"
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="whenever the file is saved, test what failed again, until Ctrl-C; for file.py:function or a command",
    )


def check(options: argparse.Namespace) -> int:
    """Test a server item by item and print the report; return 1 if an item failed, 3 if this machine hid some."""
    from iomux.conformance.check import check as check_echo
    from iomux.conformance.check import check_http, check_redis

    check_output(options.junit)
    checks: Callable[..., Report] = check_http if options.http else check_redis if options.redis else check_echo
    if options.path and not options.http:
        raise ValueError("--path names a page of a web server: it goes with --http")
    if (options.wire or options.lets_go is not None) and (options.http or options.redis):
        raise ValueError("--wire and --lets-go are for an echo server: leave out --http and --redis")
    wanted = {
        "seconds": options.seconds,
        "path": options.path,
        "lets_go_s": options.lets_go,
        "wire": options.wire or None,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    try_it: Callable[..., Report] = partial(checks, port=options.port, progress=not options.json, **given)
    if options.watch:
        from iomux.cli.watch import watch

        if options.json or options.markdown:
            raise ValueError("--watch prints what has changed: leave out --json and --markdown")
        return watch(options.target, options.only, try_it, lambda report: _write(report, options))
    report = try_it(options.target, only=options.only)
    _write(report, options)
    print(_as_asked(report, options), flush=True)
    return report.exit_status


def _as_asked(report: "Report", options: argparse.Namespace) -> str:
    if options.json:
        return report.to_json()
    return report.to_markdown().rstrip() if options.markdown else str(report)


def _write(report: "Report", options: argparse.Namespace) -> None:
    """Write the files that the options name."""
    if options.junit:
        options.junit.write_text(report.to_junit(), encoding="utf-8")
