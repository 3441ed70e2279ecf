"""The command check: test a server item by item, and print or write the report in the form that is asked for."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from iomux.cli.outputs import check_output

if TYPE_CHECKING:
    from iomux.conformance.report import Report


def check(options: argparse.Namespace) -> int:
    """Test a server item by item and print the report; return 1 if an item failed, 3 if this machine hid some."""
    from iomux.conformance.check import check as check_echo
    from iomux.conformance.check import check_http, check_redis

    check_output(options.junit)
    checks = check_http if options.http else check_redis if options.redis else check_echo
    if options.path and not options.http:
        raise ValueError("--path names a page of a web server: it goes with --http")
    wanted = {"seconds": options.seconds, "path": options.path}
    given = {name: value for name, value in wanted.items() if value is not None}
    try_it: Callable[..., Report] = partial(checks, port=options.port, **given)
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
